# Completion of rcompose for elvish. The program itself knows what can stand where; this asks it.

use str

set edit:completion:arg-completer[rcompose] = {|program @words|
    var lines = [((external $program) __complete $@words 2>/dev/null </dev/null)]
    var hints = (str:trim-prefix $lines[-1] ':')
    set lines = $lines[..-1]
    # Of --flag=value the value is answered.
    var flag = ''
    var typed = $words[-1]
    if (and (str:has-prefix $typed -) (str:contains $typed =)) {
        set flag = $typed[..(+ 1 (str:index $typed =))]
    }
    if (or (has-value [8 16] $hints) (and (has-value [0 2] $hints) (== 0 (count $lines)))) {
        edit:complete-filename $program $@words
    } else {
        # Without a blank behind it, where more of the word may follow.
        var end = ' '
        if (has-value [2 6] $hints) {
            set end = ''
        }
        for line $lines {
            var word @about = (str:split &max=2 "\t" $line)
            var shown = $word
            if (> (count $about) 0) {
                set shown = $word' ('$about[0]')'
            }
            edit:complex-candidate $flag$word &code-suffix=$end &display=$shown
        }
    }
}
