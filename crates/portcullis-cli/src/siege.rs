//! `portcullis siege`.

use std::{
    error::Error,
    fmt::Display,
    fs,
    io::{ErrorKind, IsTerminal, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use portcullis_siege::{
    Baseline, Changes, Event, Intensity, Prepared, Profile, Report, Siege, Target,
};

use crate::{
    arguments::{Format, SiegeArguments},
    print, print_to,
};

/// The error is one line for a person.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Attacks, and writes the report.
pub(crate) fn run(arguments: &SiegeArguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new()?;
    let baseline = arguments.baseline.as_deref().map(baseline).transpose()?;
    writable(&arguments.output)?;
    let report = runtime.block_on(siege(arguments))?;
    let changes = baseline.map(|baseline| baseline.changes(&report));
    write(&report, changes.as_ref(), arguments)?;
    let is_worse = match &changes {
        None => !report.is_held(),
        Some(changes) => changes.is_worse(),
    };
    let is_known = report.is_tested() && report.stopped.is_none();
    Ok(match (is_worse, !is_known) {
        (true, _) => ExitCode::from(1),
        (false, true) => ExitCode::from(2),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// Looks at a server, and writes a profile of what it finds.
pub(crate) fn init(arguments: &SiegeArguments) -> Result<ExitCode> {
    if let Some(path) = arguments.output.as_ref().filter(|path| path.is_file())
        && !arguments.force
    {
        return Err(at(path, "it is there already; --force replaces it").into());
    }
    writable(&arguments.output)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let text = runtime.block_on(async {
        let siege = prepare(arguments).await?;
        Result::Ok(siege.draft().await)
    })?;
    match &arguments.output {
        Some(path) => fs::write(path, text).map_err(|error| at(path, error))?,
        None => print(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn siege(arguments: &SiegeArguments) -> Result<Report> {
    Ok(attack(prepare(arguments).await?).await)
}

async fn prepare(arguments: &SiegeArguments) -> Result<Prepared> {
    let profile = profile(arguments)?;
    let url = arguments.url.clone().or(profile.url.clone());
    let url = url.ok_or("siege: which server? a URL such as http://127.0.0.1:8080 is needed")?;
    let target = Target::parse(&url, arguments.owned.as_deref()).await?;
    let mut allowed = arguments.intensity.allowance();
    allowed.time = arguments.time.unwrap_or(allowed.time);
    allowed.requests = arguments.requests.unwrap_or(allowed.requests);
    allowed.connections = arguments.connections.unwrap_or(allowed.connections);
    allowed.bytes = arguments.bytes.unwrap_or(allowed.bytes);
    let siege = Siege::new(target, profile)
        .intensity(arguments.intensity)
        .allowance(allowed)
        .only(arguments.only.clone())
        .repeat_with(repeat(&url, arguments));
    Ok(siege.prepare().await?)
}

/// The line that begins this siege again. A key that was typed is read from a variable there.
fn repeat(url: &str, arguments: &SiegeArguments) -> String {
    let mut words = vec!["portcullis".to_owned(), "siege".to_owned(), quoted(url)];
    if let Some(path) = &arguments.profile {
        words.extend(["--profile".to_owned(), quoted(&path.to_string_lossy())]);
    }
    if arguments.key.is_some() {
        words.push("--key env:SIEGE_KEY".to_owned());
    }
    if let Some(header) = &arguments.key_header {
        words.extend(["--key-header".to_owned(), quoted(header)]);
    }
    for (name, path) in &arguments.routes {
        words.extend(["--route".to_owned(), quoted(&format!("{name}={path}"))]);
    }
    if arguments.intensity == Intensity::Full {
        words.push("--intensity full".to_owned());
    }
    if let Some(host) = &arguments.owned {
        words.extend(["--i-own-this-target".to_owned(), quoted(host)]);
    }
    words.join(" ")
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/=@".contains(c);
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Prints the plan, attacks, and shows how far it is.
async fn attack(siege: Prepared) -> Report {
    anstream::eprint!("{}", siege.plan());
    let bar = bar(siege.count() as u64);
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let report = siege.run(interrupted, |event| match event {
        Event::Began(attack) => bar.set_message(format!("{} {}", attack.id, attack.title)),
        Event::Ended(outcome) => {
            if outcome.is_breached() {
                bar.println(format!("breached: {} {}", outcome.id, outcome.title));
            }
            bar.inc(1);
        }
        _ => {}
    });
    let report = report.await;
    bar.finish_and_clear();
    report
}

fn bar(count: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {wide_msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn profile(arguments: &SiegeArguments) -> Result<Profile> {
    let mut profile = match &arguments.profile {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| at(path, error))?;
            Profile::parse(&text).map_err(|error| at(path, error))?
        }
        None => Profile::default(),
    };
    if arguments.key.is_some() {
        profile.keys.valid.clone_from(&arguments.key);
    }
    if let Some(header) = &arguments.key_header {
        profile.keys.header.clone_from(header);
    }
    for (name, path) in &arguments.routes {
        profile.routes.set(name, path)?;
    }
    Ok(profile)
}

fn baseline(path: &Path) -> Result<Baseline> {
    let text = fs::read_to_string(path).map_err(|error| at(path, error))?;
    Ok(Baseline::from_json(&text).map_err(|error| at(path, error))?)
}

/// Whether the file can be written, before anything is done for it. It stays as it is.
fn writable(path: &Option<PathBuf>) -> Result<()> {
    let Some(path) = path else {
        return Ok(());
    };
    let options = || fs::OpenOptions::new().append(true).to_owned();
    match options().create_new(true).open(path) {
        Ok(_) => fs::remove_file(path).map_err(|error| at(path, error))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // To open a pipe would wait for its reader.
            if path.is_file() || path.is_dir() {
                options().open(path).map_err(|error| at(path, error))?;
            }
        }
        Err(error) => return Err(at(path, error).into()),
    }
    Ok(())
}

/// A problem with a file.
fn at(path: &Path, problem: impl Display) -> String {
    format!("{}: {problem}", path.display())
}

/// Writes the report in its form, to its file or to standard output; and the text for people, unless
/// standard output is taken.
fn write(report: &Report, changes: Option<&Changes>, arguments: &SiegeArguments) -> Result<()> {
    let text = match arguments.format {
        Format::Text => report.to_text(false),
        Format::Json => report.to_json(),
        Format::Junit => report.to_junit(),
        Format::Sarif => report.to_sarif(),
        Format::Markdown => report.to_markdown(),
        Format::Html => report.to_html(),
    };
    match &arguments.output {
        Some(path) => {
            fs::write(path, text).map_err(|error| at(path, error))?;
        }
        None if arguments.format != Format::Text => return Ok(print(&text)?),
        None => {}
    }
    show(report, changes)
}

/// How wide the terminal is.
fn columns() -> usize {
    usize::from(console::Term::stdout().size().1)
}

/// Prints for people: colours only on a terminal that wants them. With a baseline, only what changed.
fn show(report: &Report, changes: Option<&Changes>) -> Result<()> {
    let is_terminal = stdout().is_terminal();
    let text = match changes {
        None if is_terminal => report.to_terminal(true, columns()),
        None => report.to_brief(false),
        Some(changes) => report.to_changes(changes, is_terminal),
    };
    Ok(print_to(anstream::stdout(), &text)?)
}
