#!/usr/bin/env bash
# Fetches the Kafka and ZooKeeper servers from Maven into .cache/jars; quick when nothing has changed.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

java=${JAVA_HOME:+$JAVA_HOME/bin/}java
command -v "$java" >/dev/null || die "Java 17 or newer is needed and was not found: apt-get install default-jdk-headless"

check_tools() {
  local version
  version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
  ((${version:-0} >= 17)) || die "Java 17 or newer is needed, found ${version:-an unknown version}"
  command -v mvn >/dev/null || die "Maven is needed and was not found: apt-get install maven"
}

# copy_jars POM FOLDER: Maven resets the terminal's colour even where it is told to use none.
copy_jars() {
  mvn --quiet --batch-mode --file "$1" dependency:copy-dependencies \
    -DoutputDirectory="$2" -DincludeScope=runtime 2>&1 | sed $'s/\e\\[0m//g' >&2
}

# archive_classes CLASS FILE: run a server from start to end, and write the classes that it loaded to an archive,
# to be mapped by later runs: that halves the time until they serve.
archive_classes() {
  JAVA_TOOL_OPTIONS="-XX:ArchiveClassesAtExit=$2.new" MIDONET_JARS=$PWD/.cache/jars .venv/bin/python - <<EOF
from midonet.testbed import $1
with $1() as server:
    server.stop()
EOF
  mv -f "$2.new" "$2"
}

# fetch NAME CLASS POM: the jars of one server and their class archive.
fetch() {
  local name=$1 class=$2 pom=$3 into=$PWD/.cache/jars/$1 hash
  hash=$(fingerprint "$pom")
  is_current "$into/.stamp" "$hash" && return
  check_tools
  say "fetching the $name server"
  rm -rf "$into"
  retry copy_jars "$pom" "$into"
  archive_classes "$class" "$into/classes.jsa"
  echo "$hash" >"$into/.stamp"
}

fetch kafka Kafka compose/maven/kafka/pom.xml
fetch zookeeper ZooKeeper services/midonet/services/zookeeper/pom.xml # the product can run it, too
