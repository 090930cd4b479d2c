# Shared by the commands in ops/: paths, messages, steps with times, processes.
# Sourced by bash after `set -euo pipefail`; sets ROOT (the top of the tree).

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  BOLD=$'\e[1m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
  BOLD='' GREEN='' RED='' PLAIN=''
fi

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die [-CODE] MESSAGE...: one message on stderr, default exit code 1.
die() {
  local code=1
  if [[ $1 =~ ^-([0-9]+)$ ]]; then
    code=${BASH_REMATCH[1]}
    shift
  fi
  printf '%s%s: %s%s\n' "$RED" "${0##*/}" "$*" "$PLAIN" >&2
  exit "$code"
}

usage_error() {
  printf '%s: %s\nTry: %s --help\n' "${0##*/}" "$*" "$0" >&2
  exit 64
}

# need_value OPTION COUNT: COUNT is "$#" with OPTION itself counted.
need_value() {
  (($2 >= 2)) || usage_error "$1 needs a value"
}

# A number without leading zeros from $2 to $3, or a usage error naming $1.
check_number() {
  local name=$1 min=$2 max=$3 value=$4
  [[ $value =~ ^(0|[1-9][0-9]{0,8})$ ]] && ((value >= min && value <= max)) ||
    usage_error "$name: a number from $min to $max is expected, not '$value'"
}

# ---- steps: a line with the time that each took

now_ms() {
  local t=${EPOCHREALTIME/[.,]/}
  printf '%s' "$((t / 1000))"
}

step_begin() {
  STEP_TEXT=$*
  STEP_BEGAN=$(now_ms)
  printf '  %-58s' "$STEP_TEXT"
}

step_end() {
  local ms=$(($(now_ms) - STEP_BEGAN))
  printf ' %sok%s %4d.%d s\n' "$GREEN" "$PLAIN" $((ms / 1000)) $((ms % 1000 / 100))
}

step_failed() {
  printf ' %sfailed%s\n' "$RED" "$PLAIN"
}

# run_step LOG TEXT COMMAND...: output goes to LOG; its end is shown on failure.
run_step() {
  local log=$1 text=$2
  shift 2
  step_begin "$text"
  if "$@" >"$log" 2>&1; then
    step_end
    return 0
  fi
  step_failed
  printf -- '--- the end of %s\n' "$log" >&2
  tail -n 25 "$log" >&2
  return 1
}

# ---- processes: a pid alone may have been given to another process since

# The start time of a process in clock ticks since boot (field 22 of proc(5) stat;
# the command name before it may hold blanks and parentheses). Empty: no process. One
# whose first thread is gone (Z) still has its ports and locks while another thread is in
# an fsync that a slow disk does not end: field 20 counts the threads.
process_start() {
  local stat rest
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
  rest=${stat##*) }
  set -- $rest
  [[ $1 == Z ]] && ((${18} < 2)) || printf '%s' "${20}"
}

# process_write FILE PID: "pid start", for process_alive.
process_write() {
  local start
  start=$(process_start "$2")
  [[ -n $start ]] || return 1
  printf '%s %s\n' "$2" "$start" >"$1.new"
  mv "$1.new" "$1"
}

# process_alive FILE: true while the very process that FILE names runs.
process_alive() {
  local pid start
  [[ -f $1 ]] || return 1
  read -r pid start <"$1" || return 1
  [[ $pid =~ ^[1-9][0-9]*$ && -n $start && $(process_start "$pid") == "$start" ]]
}

process_pid() {
  local pid start
  read -r pid start <"$1"
  printf '%s' "$pid"
}

# process_wait FILE GRACE_S: until it is gone, by KILL after the grace; removes FILE.
process_wait() {
  local file=$1 grace_s=$2 i
  for ((i = 0; i < grace_s * 50; i++)); do
    process_alive "$file" || break
    sleep 0.02
  done
  if process_alive "$file"; then
    warn "process $(process_pid "$file") (${file##*/}) did not end within $grace_s s: killed"
    kill -KILL "$(process_pid "$file")" 2>/dev/null || true
    for ((i = 0; i < 250; i++)); do
      process_alive "$file" || break
      sleep 0.02
    done
  fi
  rm -f "$file"
}

# process_stop FILE GRACE_S: TERM, then KILL after the grace; removes FILE.
process_stop() {
  if process_alive "$1"; then
    kill -TERM "$(process_pid "$1")" 2>/dev/null || true
  fi
  process_wait "$1" "$2"
}

# Is something listening on 127.0.0.1:$1?
port_taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
