#!/bin/sh -eu
# get.sh [DIR]: fetch Keycloak (176 MB) by its Maven coordinates into DIR/keycloak-VERSION, let it build itself for the
# options of start.sh (20 s) into DIR/keycloak-VERSION-built, each once, and print the first folder.
# DIR is the user's cache unless given. 26.6 and 26.8 have no such zip; 26.5.0 and 26.7.1 have.
VERSION=${KC_VERSION:-26.7.1}
DIR=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/ipyterrascope}
HERE=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$DIR" && cd "$DIR"
KC=$PWD/keycloak-$VERSION
# a folder of our own until all is whole: another run may be doing the same
PART=$PWD/part.$$
trap 'rm -rf "$PART"' EXIT
mkdir "$PART"

if [ ! -d "$KC" ]; then
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
    -Dartifact="org.keycloak:keycloak-quarkus-dist:$VERSION:zip" -DoutputDirectory="$PART" -Dmdep.useBaseVersion=true >&2
  unzip -q "$PART/keycloak-quarkus-dist-$VERSION.zip" -d "$PART"
  [ -d "$KC" ] || mv "$PART/keycloak-$VERSION" "$KC"
fi

if [ ! -d "$KC-built" ]; then
  # Java ends with 10 after it has built, and is then started anew: that is where we stop
  printf '#!/bin/sh\n"${JAVA_HOME:+$JAVA_HOME/bin/}java" "$@"; [ $? = 10 ]\n' >"$PART/java"
  chmod +x "$PART/java"
  JAVA=$PART/java "$HERE/start.sh" "$KC" "$PART/home" 0 0 >&2
  [ -d "$KC-built" ] || mv "$PART/home/lib/quarkus" "$KC-built"
fi
echo "$KC"
