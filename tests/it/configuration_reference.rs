//! `docs/configuration.md` is made from the command line that the program parses, so that it has every flag as it is. With
//! `PROVISOR_UPDATE_DOCS=1` in the environment the test writes the file; without, the file must be what it would write.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};
use provisor::cli::Cli;

const FILE: &str = "docs/configuration.md";
const UPDATE: &str = "PROVISOR_UPDATE_DOCS";

const INTRODUCTION: &str = "\
# Configuration reference

Every setting, command and argument, as `provisor --help` tells them. The file is made from the program
(`PROVISOR_UPDATE_DOCS=1 cargo test --test it configuration_reference`), and a test holds it to that.

A setting is a flag or an environment variable; where both are there, the flag counts. There is no configuration file. Settings go for the server
and for the commands alike: a command finds the database by them. What is wrong with a setting is said at the start, by its name. The exit code is then
2 where the command line or a value cannot be understood, and 78 where it is understood and does not work: a file that is not there, settings that contradict one another.
A flag without a value is switched on in the environment by `1`, `true`, `yes` or `on`.

No flag takes a secret but `--database-url`; set `DATABASE_URL` in its place, because other users of the machine can see the arguments of a process. All other
secrets are in files or asked for.
";

const LOG: &str = "\
`RUST_LOG` says what is logged, on standard error: `error`, `warn`, `info` or `debug`, also for a part of the program alone, as in
`warn,provisor::request=info`. A server logs from `info` on, a command from `warn` on; so they do where it is empty.
";

/// What the file must be.
fn reference() -> String {
    let mut program = Cli::command();
    program.build();
    let mut text = INTRODUCTION.to_owned();
    text.push_str("\n## Settings\n\n| flag | environment | default | meaning |\n| --- | --- | --- | --- |\n");
    for argument in program.get_arguments().filter(|argument| is_setting(argument)) {
        let environment = argument.get_env().map(|name| code(&name.to_string_lossy())).unwrap_or_default();
        let (meaning, default) = meaning_and_default(argument);
        writeln!(text, "| {} | {environment} | {default} | {meaning} |", code(&written(argument))).unwrap();
    }
    writeln!(text, "\n{LOG}\n## Commands").unwrap();
    for command in program.get_subcommands() {
        describe(command, "provisor", &mut text);
    }
    text
}

fn is_setting(argument: &Arg) -> bool {
    argument.is_global_set() && !argument.is_hide_set()
}

/// A command with its arguments, and the commands below it.
fn describe(command: &Command, above: &str, text: &mut String) {
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    let name = format!("{above} {}", command.get_name());
    let about = command.get_long_about().or(command.get_about()).map(|about| sentence(&about.to_string()));
    let about = about.unwrap_or_default();
    let mut below = command.get_subcommands().filter(|below| below.get_name() != "help").peekable();
    let is_leaf = below.peek().is_none();
    let arguments: Vec<&Arg> =
        command.get_arguments().filter(|argument| !argument.is_global_set() && !is_standard(argument)).collect();
    if is_leaf {
        let positional = arguments.iter().filter(|argument| argument.is_positional());
        let usage = positional.fold(name.clone(), |usage, argument| format!("{usage} {}", written(argument)));
        let level = if above == "provisor" { "###" } else { "####" };
        writeln!(text, "\n{level} `{usage}`\n\n{about}").unwrap();
    } else {
        writeln!(text, "\n### `{name}`\n\n{about}").unwrap();
    }
    if !arguments.is_empty() {
        text.push_str("\n| argument | default | meaning |\n| --- | --- | --- |\n");
        for argument in arguments {
            let (meaning, default) = meaning_and_default(argument);
            writeln!(text, "| {} | {default} | {meaning} |", code(&written(argument))).unwrap();
        }
    }
    for command in below {
        describe(command, &name, text);
    }
}

/// `--help` and `--version`.
fn is_standard(argument: &Arg) -> bool {
    argument.is_hide_set() || ["help", "version"].contains(&argument.get_id().as_str())
}

/// An argument as it is typed.
fn written(argument: &Arg) -> String {
    let takes_value = argument.get_action().takes_values();
    let names = argument.get_value_names().unwrap_or_default();
    let own = argument.get_id().as_str().to_uppercase();
    let value = names.first().map_or(own.as_str(), |name| name.as_str());
    match argument.get_long() {
        Some(flag) if takes_value => format!("--{flag} {value}"),
        Some(flag) => format!("--{flag}"),
        None if argument.is_required_set() => value.to_owned(),
        None => format!("[{value}]"),
    }
}

/// What the help says, and its default. Where the default is no fixed value, the help has it at its end in brackets.
fn meaning_and_default(argument: &Arg) -> (String, String) {
    let help = argument.get_long_help().or(argument.get_help()).map(|help| help.to_string()).unwrap_or_default();
    let said = help.trim_end_matches('.').strip_suffix(']').and_then(|help| help.rsplit_once("[default: "));
    let values: Vec<String> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let fixed = values.first().filter(|value| !value.is_empty() && argument.get_action().takes_values());
    let default = match (said, fixed) {
        (Some((_, default)), _) => default.to_owned(),
        (None, Some(value)) => code(value),
        (None, None) if argument.is_required_set() => "required".to_owned(),
        (None, None) if argument.get_action().takes_values() => "none".to_owned(),
        (None, None) => "off".to_owned(),
    };
    let meaning = sentence(said.map_or(help.as_str(), |(meaning, _)| meaning.trim_end()));
    let several = matches!(argument.get_action(), clap::ArgAction::Append) && !meaning.contains("several times");
    let meaning = if several { format!("{meaning} May be given several times.") } else { meaning };
    (meaning, cell(&default))
}

/// Text with the full stop that clap takes away.
fn sentence(text: &str) -> String {
    let text = text.trim();
    cell(&if text.ends_with(['.', ':', '!', '?']) { text.to_owned() } else { format!("{text}.") })
}

/// Text for one cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

#[test]
fn the_configuration_reference_is_what_the_program_takes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let reference = reference();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&file, &reference).unwrap();
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    let different = reference.lines().zip(there.lines()).find(|(new, old)| new != old);
    assert!(
        there == reference,
        "{FILE} is stale; '{UPDATE}=1 cargo test --test it configuration_reference' writes it: {different:?}"
    );
}

#[test]
fn every_setting_has_a_flag_an_environment_variable_and_a_meaning() {
    let mut program = Cli::command();
    program.build();
    let settings: Vec<&Arg> = program.get_arguments().filter(|argument| is_setting(argument)).collect();
    assert!(settings.len() >= 12, "{}", settings.len());
    for setting in settings {
        let name = setting.get_id();
        assert!(setting.get_long().is_some() && setting.get_env().is_some(), "{name}");
        assert!(meaning_and_default(setting).0.len() > 10, "{name}");
    }
}
