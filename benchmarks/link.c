// link SERVER_NETNS CLIENT_NETNS DELAY_MS RATE_MBIT QUEUE_KIB LOSS_PERCENT: a link between two network namespaces with a
// delay each way, a rate, a queue that drops what does not fit, and random loss of what the server sends. It stands in for
// netem, which many kernels lack. Each namespace gets a TUN device `link0`; who starts this gives it an address.
//
// Without loss, large segments pass as they are (as network cards cut them); with loss, only packets of the MTU do, so
// that what is lost is a packet.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES (96u << 20)
#define LONGEST_PACKET 70000
#define MOST_PACKETS (1u << 16)

struct packet {
  int64_t due;
  uint32_t offset, length;
};

struct way {
  int in, out;
  int64_t delay_ns, queue_ns;
  double ns_per_byte, loss;
  unsigned seed;
  uint8_t *buffer;
  struct packet *packets;
  uint32_t head, tail, free_offset;
  int64_t busy_until;
};

static volatile sig_atomic_t stopped;

static void stop(int signal) {
  (void)signal;
  stopped = 1;
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int fail(const char *what) {
  perror(what);
  exit(1);
}

static int tun_in(const char *name, int whole_segments) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", name);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || setns(file, CLONE_NEWNET)) fail(path);
  close(file);
  int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (tun < 0) fail("/dev/net/tun");
  struct ifreq request = {0};
  strcpy(request.ifr_name, "link0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI | (whole_segments ? IFF_VNET_HDR : 0);
  if (ioctl(tun, TUNSETIFF, &request)) fail("TUNSETIFF");
  if (whole_segments && ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)) fail("TUNSETOFFLOAD");
  return tun;
}

// Deliver what is due; return the nanoseconds until the next is.
static int64_t deliver(struct way *way) {
  while (way->head != way->tail) {
    struct packet *packet = &way->packets[way->head % MOST_PACKETS];
    int64_t left = packet->due - now_ns();
    if (left > 0) return left;
    if (write(way->out, way->buffer + packet->offset, packet->length) < 0 && errno == EAGAIN) return 100000;
    way->head++;
  }
  return 200000000;
}

// Take one packet in; return 0 when there is none.
static int take(struct way *way) {
  if (way->free_offset + LONGEST_PACKET > BUFFER_BYTES) way->free_offset = 0;
  ssize_t length = read(way->in, way->buffer + way->free_offset, LONGEST_PACKET);
  if (length <= 0) return 0;
  if (way->loss > 0 && rand_r(&way->seed) < way->loss * RAND_MAX) return 1;
  int64_t now = now_ns();
  if (way->busy_until < now) way->busy_until = now;
  if (way->busy_until - now > way->queue_ns || way->tail - way->head >= MOST_PACKETS) return 1;
  way->busy_until += (int64_t)(length * way->ns_per_byte);
  way->packets[way->tail++ % MOST_PACKETS] =
      (struct packet){way->busy_until + way->delay_ns, way->free_offset, (uint32_t)length};
  way->free_offset += (length + 63) & ~63;
  return 1;
}

static void *run(void *given) {
  struct way *way = given;
  prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
  while (!stopped) {
    struct timespec wait = {0, deliver(way)};
    struct pollfd readable = {way->in, POLLIN, 0};
    if (ppoll(&readable, 1, &wait, NULL) <= 0) continue;
    for (int count = 0; count < 64 && take(way); count++) continue;
  }
  return NULL;
}

int main(int count, char **words) {
  if (count != 7) return 2;
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  double loss = atof(words[6]) / 100;
  int server = tun_in(words[1], loss == 0), client = tun_in(words[2], loss == 0);
  struct way ways[2] = {{.in = server, .out = client, .loss = loss, .seed = 1}, {.in = client, .out = server, .seed = 2}};
  pthread_t threads[2];
  for (int number = 0; number < 2; number++) {
    struct way *way = &ways[number];
    way->delay_ns = atof(words[3]) * 1e6;
    way->ns_per_byte = 8e3 / atof(words[4]);
    way->queue_ns = atof(words[5]) * 1024 * way->ns_per_byte;
    way->buffer = malloc(BUFFER_BYTES);
    way->packets = malloc(MOST_PACKETS * sizeof(struct packet));
    pthread_create(&threads[number], NULL, run, way);
  }
  puts("ready");
  fflush(stdout);
  for (int number = 0; number < 2; number++) pthread_join(threads[number], NULL);
  return 0;
}
