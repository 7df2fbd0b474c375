#!/usr/bin/env bash
# The scenario with kcat, unmodified; ../README.md says what each step does.
# Usage: scenario.sh BOOTSTRAP API_KEY API_SECRET CA_FILE TAG RECORDS; the topics have to be there.
set -uo pipefail
tag=$5 records=$6 produced=0
dir=$(mktemp -d)
# What still runs when the scenario ends is ended, by its id.
trap 'jobs -p | while read -r p; do kill "$p" 2>/dev/null; done; rm -rf "$dir"' EXIT
cat >"$dir/config" <<CONFIG
bootstrap.servers=$1
security.protocol=SASL_SSL
sasl.mechanisms=PLAIN
sasl.username=$2
sasl.password=$3
ssl.ca.location=$4
CONFIG
kcat() { command timeout 120 kcat -F "$dir/config" "$@"; }
steps=""

# report STEP RESULT DETAIL
report() { steps+="${steps:+,}\"$1\":{\"result\":\"$2\",\"detail\":\"$(printf %s "${3-}" | tr -d '"\\' | tr -s '[:cntrl:]' ' ')\"}"; }

# run STEP REMARK COMMAND...: a failed step does not end the scenario; what it prints says why it failed.
run() {
  local step=$1 remark=$2
  if "${@:3}" >"$dir/said" 2>&1; then report "$step" ok "$remark"; else report "$step" failed "$(tail -c 500 "$dir/said")"; fi
}

# until WHAT COMMAND...
until_true() {
  local what=$1 end=$((SECONDS + 60))
  while ! "${@:2}"; do
    ((SECONDS < end)) || { echo "waited in vain for $what"; return 1; }
    sleep 0.05
  done
}

# own FILE COUNT: the file has so many different records, all of this tenant.
own() {
  ! grep -v "^$tag-" "$1" || { echo "these are records of another tenant"; return 1; }
  local got
  got=$(sort -u "$1" | wc -l)
  ((got == $2)) || { echo "got $got records of $2"; return 1; }
}

values() { seq -f "$tag-$1-%.0f" 0 $(($2 - 1)); }

produce() { values "$1" "$records" | kcat -q -P -t orders -X enable.idempotence=true -X compression.codec="$1"; }

consume() { kcat -q -C -t orders -o beginning -e >"$dir/read" && own "$dir/read" "$produced"; }

# join NAME GROUP OPTION...: starts a member, whose records go to NAME.out and events to NAME.err; its id is in member.
join() {
  command kcat -F "$dir/config" -u -G "$2" -X auto.offset.reset=earliest -X heartbeat.interval.ms=1000 "${@:3}" orders >"$dir/$1.out" 2>"$dir/$1.err" &
  member=$!
}

# leave ID
leave() { kill "$1" && { wait "$1" || true; }; }

# owned NAME: the partitions that the member was given last, one a line.
owned() { grep 'rebalanced' "$dir/$1.err" | tail -1 | grep -o 'assigned: .*' | grep -o 'orders \[[0-9]*\]'; }

# shared NAME...: the members own the four partitions together, none twice and nobody nothing.
shared() {
  local name all=""
  for name; do
    [[ -n $(owned "$name") ]] || return 1
    all+=$(owned "$name")$'\n'
  done
  [[ $(grep -c . <<<"$all") == 4 && $(grep . <<<"$all" | sort -u | wc -l) == 4 ]]
}

everything() { sort -u "$dir/first.out" "$dir/second.out" >"$dir/both" && (($(wc -l <"$dir/both") >= produced)); }

group() {
  local first second failed=0
  join first billing; first=$member
  : >"$dir/second.out"
  until_true "the first member's partitions" shared first || failed=1
  join second billing; second=$member
  until_true "two members to share the partitions" shared first second || failed=1
  leave "$second"
  until_true "all partitions after one left" shared first && until_true "$produced records" everything && own "$dir/both" "$produced" || failed=1
  leave "$first"
  return $failed
}

static() {
  local failed
  for _ in 1 2; do
    join till billing-static -X group.instance.id=till-1
    failed=0
    until_true "the static member's partitions" shared till || failed=1
    leave "$member" # a static member does not say that it leaves
    ((failed == 0)) || return 1
  done
}

# uncommitted: some records of the open transaction are in the topic.
uncommitted() { (($(kcat -q -C -t shipments -o beginning -e -X isolation.level=read_uncommitted | grep -c "^$tag-aborted-") >= 10)); }

transactions() {
  mkfifo "$dir/pipe"
  command kcat -F "$dir/config" -q -P -t shipments -X transactional.id=shipper <"$dir/pipe" &
  local producer=$! failed=0
  exec 3>"$dir/pipe" # its input does not end, so its transaction does not either
  # It reads its input in large blocks; small records would wait for the end of the input.
  values aborted 300 | sed "s/\$/$(printf '%010000d' 0)/" >&3 &
  local writer=$!
  until_true "records of an open transaction" uncommitted || failed=1
  kill -KILL "$producer"
  exec 3>&-
  wait "$producer" "$writer"
  ((failed == 0)) || return 1
  values committed 10 | kcat -q -P -t shipments -X transactional.id=shipper || return 1 # which first aborts what was open
  kcat -q -C -t shipments -o beginning -e -X isolation.level=read_committed >"$dir/read" || return 1
  diff "$dir/read" <(values committed 10)
}

own_names() {
  diff <(kcat -q -L | sed -n 's/^ *topic "\([^"]*\)".*/\1/p' | sort) <(printf '%s\n' orders shipments "only-$tag" | sort)
}

for step in topics configs offsets delete-records; do report "$step" n/a "it does not administer; the topics are made for it"; done
for codec in none gzip snappy lz4 zstd; do
  run "produce-$codec" "" produce "$codec"
  produced=$((produced + records))
done
run consume "" consume
run classic-group "" group
report kip848-group n/a "its librdkafka is older than the protocol"
run static-member "what the group knows of its member cannot be seen with it" static
run transactions "the abort is that of a producer which died; without offsets, which it cannot send" transactions
run own-names "topics only; it lists no groups" own_names
version=$(command kcat -V | sed -n 's/^Version \([0-9.]*\).*librdkafka \([0-9.]*\).*/kcat \1 (librdkafka \2)/p')
echo "{\"client\":\"$version\",\"cluster\":\"\",\"steps\":{$steps}}"
