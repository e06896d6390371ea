/** The shells that there is completion for. */
export const SHELLS = Object.freeze(['bash', 'zsh', 'fish'] as const);
/** One of {@link SHELLS}. */
export type Shell = (typeof SHELLS)[number];

/** A command, as far as completion needs it. */
export interface CommandWords {
  readonly name: string;
  readonly description: string;
  /** Long options, such as `--json`, with their descriptions. */
  readonly options: readonly (readonly [option: string, description: string])[];
  /** Values of its first argument. */
  readonly choices: readonly string[];
}

/** The script that makes a shell complete `pgherd`. Pure. */
export function completionScript(shell: Shell, commands: readonly CommandWords[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      return zsh(commands);
    case 'fish':
      return fish(commands);
    default:
      return shell satisfies never;
  }
}

function bash(commands: readonly CommandWords[]): string {
  const cases = commands.map(
    (command) => `    ${command.name}) words=${quoted(wordsOf(command).join(' '))} ;;`,
  );
  const names = commands.map(({ name }) => name).join(' ');
  return `# eval "$(pgherd completion bash)"
_pgherd() {
  local words word=\${COMP_WORDS[COMP_CWORD]}
  case \${COMP_CWORD}:\${COMP_WORDS[1]} in
    1:*) words=${quoted(`${names} --help --version`)} ;;
    *) _pgherd_words "\${COMP_WORDS[1]}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
_pgherd_words() {
  case $1 in
${cases.join('\n')}
  esac
}
complete -o default -F _pgherd pgherd
`;
}

function zsh(commands: readonly CommandWords[]): string {
  const described = commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`);
  const cases = commands.map((command) => `    ${command.name}) compadd -- ${wordsOf(command).join(' ')} ;;`);
  return `#compdef pgherd
# eval "$(pgherd completion zsh)"
_pgherd() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
}
compdef _pgherd pgherd
`;
}

function fish(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ name, description, options, choices }) => {
    const inside = `-n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c pgherd -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
      ...choices.map((choice) => `complete -c pgherd ${inside} -a ${choice}`),
      ...options.map(
        ([option, text]) => `complete -c pgherd ${inside} -l ${option.slice(2)} -d ${quoted(text)}`,
      ),
    ];
  });
  return `# pgherd completion fish | source\ncomplete -c pgherd -f\n${lines.join('\n')}\n`;
}

function wordsOf({ options, choices }: CommandWords): readonly string[] {
  return [...choices, ...options.map(([option]) => option)];
}

/** In single quotes, as all three shells read it; descriptions of ours have no apostrophe that matters. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}
