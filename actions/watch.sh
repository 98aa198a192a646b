#!/usr/bin/env bash
# Runs `guardian watch` by the action's inputs, which come as WATCH_...: no input becomes shell text,
# an option's value stays one (--name=value), and a service that looks like an option stays a service.
set -euo pipefail
words=(--output=github)

value() { # OPTION VALUE: an input that is left empty is an option that is left out
    if [ -n "$2" ]; then words+=("--$1=$2"); fi
}

flag() { # OPTION VALUE: what is neither true nor false is refused, because it would be taken for false
    case $2 in
    true) words+=("--$1") ;;
    false | "") ;;
    *)
        echo "::error title=guardian::the input $1 is true or false"
        exit 2
        ;;
    esac
}

value config "$WATCH_CONFIG"
value lambda "$WATCH_LAMBDA"
value alb "$WATCH_ALB"
value duration "$WATCH_DURATION"
value rollback-to "$WATCH_ROLLBACK_TO"
while IFS= read -r incident; do value fixes "$incident"; done <<<"$WATCH_FIXES"
flag observe "$WATCH_OBSERVE"
value on-exit "$WATCH_ON_EXIT"
value timeout "$WATCH_TIMEOUT"
value rollback-timeout "$WATCH_ROLLBACK_TIMEOUT"
value allow "$WATCH_ALLOW"
value reason "$WATCH_REASON"
value junit "$WATCH_JUNIT"
flag verbose "$WATCH_VERBOSE"
flag quiet "$WATCH_QUIET"
words+=(--)
while read -ra services; do words+=(${services[@]+"${services[@]}"}); done <<<"$WATCH_SERVICES"

# exec: a job that is cancelled signals this process, and guardian has to hear it.
exec "$RUNNER_TEMP/guardian/bin/guardian" watch "${words[@]}"
