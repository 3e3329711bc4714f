/** Every word that a person reads in the login widget, in one place, so that it can be translated. */

export const connecting = "Connecting…";

/** @type {Partial<Record<import("./connection.js").Status, string[]>>} Why no state is shown, and what helps. */
export const lost = {
  gone: [
    "This login belongs to an earlier session. Run the notebook's %load_ext cell and this one again.",
    "While a cell runs, this waits. If neither helps, reload the page.",
  ],
  stopped: [
    "The kernel has stopped, or was restarted.",
    "Run the notebook's %load_ext cell and this one again; in an app, reload the page.",
  ],
};

/** @type {Record<string, string>} */
export const silence = {
  busy: "Waiting for the running cell…",
  idle: "The kernel does not answer. Try again, or reload the page.",
  silent: "The kernel does not answer: it runs a cell, or has stopped.",
};

export const provider = "Provider";

export const intro = "Sign in once: this notebook can then use your data, and stays signed in.";
export const newCode = "New code";
export const tryAgain = "Try again";

/** @type {Partial<Record<import("./protocol.js").LoginMethod, string>>} */
export const use = {
  device: "Use a code",
  password: "Use a password",
  basic: "Use a password",
  token: "Use a token",
  oidc: "Use a secret",
};

export const register = "Register";
export const forgot = "Forgot the password?";
export const myAccount = "My account";
export const cancel = "Cancel";

export const signingIn = "Signing in…";
export const waitingForApproval = "Waiting for your approval";
export const codeHasRunOut = "The code has run out";
export const copy = "Copy";
export const copyCode = "Copy the code";
export const copied = "Code copied.";
export const qr = "QR";
export const showQr = "Show the address as a QR code";
export const asQr = "The address as a QR code";
export const copyByHand = "The code is selected: copy it with Ctrl+C, ⌘C.";
export const oneMinuteLeft = "The code is good for one more minute.";

export const username = "User name";

/** @type {Record<import("./protocol.js").FormMethod, string>} */
export const secret = { password: "Password", basic: "Password", token: "Paste a token", oidc: "Client secret" };

export const makeToken = "Make a token";
export const oneTimeCode = "One-time code";
export const withOneTimeCode = "I have a one-time code";
export const submit = "Sign in";
export const show = "Show";
export const hide = "Hide";
export const capsLock = "Caps Lock is on.";
export const missing = "Fill this in.";

export const federated = "EduGAIN and social logins have no password here.";

/** @param {string} login */
export const demo = (login) => `No real account: sign in as ${login}.`;

export const keptHint = "It stays in memory until you log out, or on this machine if you stay signed in.";
export const tokenHint = "It is used until it ends.";
export const onceHint = "It is sent once, for a token, and not kept.";
export const exposed = "This page is not encrypted: others could read what you type.";
export const exposedAnyway = "Show the form anyway";

export const stay = "Stay signed in on this machine";
export const kept = "Kept on this machine.";
export const stays = "Kept on this machine until you log out.";

export const logout = "Log out";
export const switchAccount = "Switch account";
export const signInAgain = "Sign in again";
export const signedOut = "Signed out.";
export const untilLogout = "Good until you log out.";
export const renewed = "Renewed by itself while in use.";

/** @param {string} verb One of the two of above. */
export const typed = (verb) => `${verb} what is typed`;

/** @param {string} label */
export const title = (label) => `Sign in at ${label}`;

/** @param {string} label */
export const signInWith = (label) => `Sign in with ${label}`;

/** @param {string} label */
export const copyAndOpen = (label) => `Copy code & open ${label}`;

/** @param {string} label */
export const opensInNewTab = (label) => `${copyAndOpen(label)} (in a new tab)`;

export const enterCodeAt = "Approve this code at";

/** @param {string} code @param {string} host */
export const codeReady = (code, host) => `Your code is ${[...code].join(" ")}. Approve it at ${host}.`;

/** @param {string} what */
export const passing = (what) => `${what} Still trying…`;

/** @param {string} user */
export const signedInAs = (user) => (user ? `Signed in as ${user}.` : "Signed in.");

/** @param {import("./protocol.js").LoginTraits} state What stands before a sign-in that is to replace a login. */
export const switching = ({ source, user }) => (source ? `${signedInAs(user)} Switching: ` : "");

/** @type {Partial<Record<import("./protocol.js").Source | "", string>>} How somebody signed in, by the source. */
export const how = {
  device: "With a device code.",
  password: "With user name and password.",
  basic: "With user name and password (Basic).",
  environment: "With what the environment holds.",
  token_file: "With a token that a file holds.",
  stored: "With the login that you kept.",
  hub: "With your login at JupyterHub.",
  token: "With a token that you gave.",
  netrc: "With what ~/.netrc holds.",
  code: "In a browser.",
  oidc: "As a client with a secret.",
};

/** @param {string} time */
export const goodUntil = (time) => `Good until ${time}.`;

/** @param {string} time */
export const endedAt = (time) => `Ended at ${time}.`;

/** @param {string} time */
export const idleUntil = (time) => `Ends at ${time} if it is not used.`;

/** @param {number} minutes @param {string} time */
export const idleSoon = (minutes, time) =>
  `Not used for a while: this login ends in ${minutes} minute${minutes === 1 ? "" : "s"}, at ${time}. Any use keeps it.`;
