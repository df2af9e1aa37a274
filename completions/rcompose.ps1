# Completion of rcompose for PowerShell. The program itself knows what can stand where; this asks it.

Register-ArgumentCompleter -Native -CommandName 'rcompose' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $words = @()
    foreach ($element in $commandAst.CommandElements) {
        if ($element.Extent.StartOffset -ge $cursorPosition) { break }
        $text = $element.Extent.Text
        if ($element.Extent.EndOffset -gt $cursorPosition) {
            $text = $text.Substring(0, $cursorPosition - $element.Extent.StartOffset)
        }
        $words += $text.Trim("'", '"')
    }
    $last = $commandAst.CommandElements[-1].Extent.EndOffset
    if ($wordToComplete -eq '' -or $cursorPosition -gt $last) {
        # Older ones pass no empty words on.
        $words += if ($PSVersionTable.PSVersion -lt [version]'7.3') { '""' } else { '' }
    }
    $current = $words[-1]
    $program = $words[0]
    $given = @($words | Select-Object -Skip 1)
    $lines = @(& $program __complete @given 2>$null)
    if ($lines.Count -eq 0 -or $lines[-1] -notmatch '^:(\d+)$') { return }
    $hints = [int]$Matches[1]
    # Files are what PowerShell offers where nothing is answered.
    if ($hints -band 24) { return }

    # Of --flag=value the value is answered.
    $flag = if ($current -match '^-[^=]*=') { $Matches[0] } else { '' }
    $answers = @($lines | Select-Object -SkipLast 1)
    if ($answers.Count -eq 0) {
        if ($hints -band 4) { '' }
        return
    }
    foreach ($line in $answers) {
        $word, $about = $line -split "`t", 2
        if (-not $about) { $about = $word }
        $space = if (($hints -band 2) -or $answers.Count -gt 1) { '' } else { ' ' }
        [System.Management.Automation.CompletionResult]::new("$flag$word$space", $word, 'ParameterValue', $about)
    }
}
