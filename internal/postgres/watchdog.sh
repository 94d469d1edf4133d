# Cleans up after a parent that ended without doing it. The parent holds the other end of this
# script's standard input and writes lines to it: "pid N" (a process to stop; empty: none any more),
# "dir PATH" (a folder to remove) and "done" (there is nothing to clean up).
pid=
dir=
while read -r key value; do
    case $key in
    pid) pid=$value ;;
    dir) dir=$value ;;
    done) exit 0 ;;
    esac
done

# The parent is gone.
stop() { # signal, tenths of a second to wait
    kill -s "$1" "$pid" 2>/dev/null || return
    n=0
    while [ "$n" -lt "$2" ] && kill -0 "$pid" 2>/dev/null; do
        sleep 0.1 || sleep 1
        n=$((n + 1))
    done
}
if [ -n "$pid" ]; then
    stop INT 50
    stop QUIT 30
    stop KILL 10
fi
if [ -n "$dir" ]; then
    rm -rf -- "$dir" || { sleep 1 && rm -rf -- "$dir"; }
fi
