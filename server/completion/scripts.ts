export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = typeof SHELLS[number]

/**
 * bash cuts words at `:`, `@` and `=`: they are joined again, and what stands before the last of these is cut off what
 * is offered, since bash inserts behind it. A line without a value asks for paths. Works from bash 3.2 on.
 */
const BASH = String.raw`_gauntlet () {
  local line=\${COMP_LINE:0:COMP_POINT} word current prefix= char cut value files= i n=-1
  local -a words
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if ((i > 0)) && [[ $line != [[:space:]]* ]]; then
      word=\${COMP_WORDS[i]}
      ((i == COMP_CWORD)) && word=$line
      words[n]+=$word
    else
      line=\${line#"\${line%%[![:space:]]*}"}
      word=\${COMP_WORDS[i]}
      ((i == COMP_CWORD)) && word=$line
      words[++n]=$word
    fi
    line=\${line#"$word"}
  done
  current=\${words[n]}
  for char in : @ =; do
    [[ $COMP_WORDBREAKS == *"$char"* && $current == *"$char"* ]] || continue
    cut=\${current%"\${current##*"$char"}"}
    ((\${#cut} > \${#prefix})) && prefix=$cut
  done
  COMPREPLY=()
  while IFS= read -r value; do
    value=\${value%%$'\t'*}
    if [[ -z $value ]]; then files=1; else COMPREPLY+=("\${value#"$prefix"}"); fi
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
  [[ -n $files ]] || return 0
  compopt -o filenames 2>/dev/null
  while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "\${current#"$prefix"}")
}
complete -o nosort -F _gauntlet gauntlet 2>/dev/null || complete -F _gauntlet gauntlet`

const ZSH = String.raw`#compdef gauntlet
_gauntlet () {
  local -a values shown
  local line value files=
  for line in "\${(@f)$("\${(Q)words[1]}" __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    value=\${line%%$'\t'*}
    if [[ -z $value ]]; then
      [[ -n $line ]] && files=1
      continue
    fi
    values+=("$value")
    [[ $line == *$'\t'* ]] && shown+=("$value  -- \${line#*$'\t'}") || shown+=("$value")
  done
  ((\${#values})) && compadd -l -V gauntlet -d shown -- "\${values[@]}"
  [[ -z $files ]] || { compset -P '--*='; _files }
}
if [[ $funcstack[1] = _gauntlet ]]; then _gauntlet "$@"; else compdef _gauntlet gauntlet; fi`

const FISH = String.raw`function __gauntlet_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
    if string match -qr '^\t' -- $line
      __fish_complete_path "$current"
    else
      echo $line
    end
  end
end
complete -c gauntlet -f -k -a '(__gauntlet_complete)'`

/** What a shell must source so that it completes the words of the command. */
export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: unescaped(BASH), zsh: unescaped(ZSH), fish: unescaped(FISH)
}

/** Template literals need `\${` for `${`. */
function unescaped (script: string): string {
  return script.replaceAll('\\${', '${')
}
