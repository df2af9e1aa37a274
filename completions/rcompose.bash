# Completion of rcompose for bash. The program itself knows what can stand where; this asks it.

_rcompose() {
    local rest=${COMP_LINE:0:COMP_POINT} words=() trimmed piece i
    # Bash also takes words apart at = and :, which here only blanks do.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        trimmed=${rest#"${rest%%[![:space:]]*}"}
        if ((i == 0)) || [[ $trimmed != "$rest" ]]; then
            words+=("")
        fi
        piece=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || piece=$trimmed
        words[${#words[@]} - 1]+=$piece
        rest=${trimmed#"$piece"}
    done
    for ((i = 0; i < ${#words[@]}; i++)); do
        words[i]=${words[i]//[\"\'\\]/}
        # What is typed stays as it is.
        if ((i < ${#words[@]} - 1)) && [[ ${words[i]} == "~/"* ]]; then
            words[i]=$HOME${words[i]#"~"}
        fi
    done

    local current=${words[${#words[@]} - 1]} answer hints
    answer=$("${words[0]}" __completeNoDesc "${words[@]:1}" 2>/dev/null </dev/null)
    hints=${answer##*:}
    answer=${answer%:*}
    [[ $hints =~ ^[0-9]+$ ]] || return

    # Of --flag=value the value is answered, and what stands before the last = or : is not to be repeated.
    local flag= kept= breaks=${COMP_WORDBREAKS//[^=:]/} line
    [[ $current == -*=* ]] && flag=${current%%=*}=
    [[ -n $breaks ]] && kept=${current%"${current##*[$breaks]}"}
    COMPREPLY=()
    if ((hints & 8)); then
        while IFS= read -r line; do
            [[ -d $line || -n ${line##*.} && $'\n'$answer == *$'\n'"${line##*.}"$'\n'* ]] && COMPREPLY+=("$line")
        done < <(compgen -f -- "${current#"$flag"}")
        compopt -o filenames 2>/dev/null
    elif ((hints & 16)); then
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen -d -- "${current#"$flag"}")
        compopt -o filenames 2>/dev/null
    else
        while IFS= read -r line; do
            [[ -n $line ]] && line=$flag$line && COMPREPLY+=("${line#"$kept"}")
        done <<<"$answer"
        if ((${#COMPREPLY[@]} == 0 && !(hints & 4))); then
            while IFS= read -r line; do
                COMPREPLY+=("$line")
            done < <(compgen -f -- "${current#"$flag"}")
            compopt -o filenames 2>/dev/null
        fi
    fi
    ((hints & 2)) && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _rcompose rcompose
