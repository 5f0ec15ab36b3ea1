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

fetch() {
  local name=$1 pom=compose/maven/$1/pom.xml into=.cache/jars/$1 hash
  hash=$(fingerprint "$pom")
  is_current "$into/.stamp" "$hash" && return
  check_tools
  say "fetching the $name server"
  rm -rf "$into" "$into.new"
  retry mvn --quiet --batch-mode -Dstyle.color=never --file "$pom" dependency:copy-dependencies \
    -DoutputDirectory="$PWD/$into.new" -DincludeScope=runtime
  echo "$hash" >"$into.new/.stamp"
  mv "$into.new" "$into"
}

fetch kafka
fetch zookeeper
