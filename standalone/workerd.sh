#!/bin/sh
# Miniflare runs this in place of workerd (MINIFLARE_WORKERD_PATH), and it becomes workerd: exec keeps the process id.
# What workerd itself lacks is added on the way.
#
# - A terminal's Ctrl-C and hang-up reach the whole process group. Node decides when workerd ends, so workerd ignores
#   both; that an ignored signal stays ignored is inherited through exec.
# - A workerd whose Node was killed would go on serving. Descriptor 3 is Miniflare's control channel, and Node's end of
#   it closes when Node ends, however it ends. A guard waits for that in read, then ends workerd. When workerd ended
#   first, Node writes a line, and the guard leaves without killing whoever has the process id by then.
# - Descriptor 4 is the named pipe by which a later start sees that this workerd is still there (data-directory.ts).
trap '' INT HUP
exec 4<>"$BERTH_WORKERD_ALIVE"
(
  trap '' QUIT TERM
  if read -r _ <&3; then exit; fi
  kill -KILL $$
) 4>&- </dev/null >/dev/null 2>&1 &
exec "$BERTH_WORKERD_BINARY" "$@"
