# Completion of rcompose for fish. The program itself knows what can stand where; this asks it.

function __rcompose_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l lines ($program __complete $words "$current" 2>/dev/null </dev/null)
    set -l hints (string match -r '^:(\d+)$' -- $lines[-1])[2]
    test -n "$hints"; or return
    set -e lines[-1]
    # Of --flag=value the value is answered.
    set -l flag (string match -r -- '^-[^=]*=' "$current")
    set -l typed (string replace -- "$flag" '' "$current")
    if test (math "bitand($hints, 16)") -ne 0
        __fish_complete_directories "$typed" '' | string replace -r -- '^' "$flag"
    else if test (math "bitand($hints, 8)") -ne 0
        __fish_complete_path "$typed" | string replace -r -- '^' "$flag"
    else if test (count $lines) -gt 0
        string replace -r -- '^' "$flag" $lines
    else if test (math "bitand($hints, 4)") -eq 0
        __fish_complete_path "$typed" | string replace -r -- '^' "$flag"
    end
end

complete -c rcompose -f -a '(__rcompose_complete)'
