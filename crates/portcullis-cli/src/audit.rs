//! `portcullis audit verify`.

use std::{env, fs::File, process::ExitCode};

use portcullis::{
    ConfigError,
    audit::{Broken, Verified, Verifier, Why},
};

use crate::arguments::AuditArguments;

/// Verifies a file. Returns what there is to say of it, and the exit code.
pub(crate) fn verify(arguments: &AuditArguments) -> Result<(String, ExitCode), ConfigError> {
    let path = arguments.file.display();
    let problem = |problem: String| ConfigError::new(format!("{path}: {problem}"));
    let verifier = verifier(arguments)?;
    let file = File::open(&arguments.file).map_err(|error| problem(error.to_string()))?;
    match verifier.verify(file) {
        Ok(verified) => Ok((format!("{path}: {}", whole(&verified)), ExitCode::SUCCESS)),
        Err(broken) if is_unread(&broken) => Err(problem(broken.to_string())),
        Err(broken) => Ok((format!("{path}: broken\n{broken}\n"), ExitCode::from(1))),
    }
}

fn verifier(arguments: &AuditArguments) -> Result<Verifier, ConfigError> {
    let mut verifier = Verifier::new();
    if let Some(name) = &arguments.key {
        let key = env::var_os(name).ok_or_else(|| {
            let problem = format!("--key: there is no variable {name}");
            ConfigError::new(problem)
        })?;
        verifier = verifier.hash_key(key.as_encoded_bytes())?;
    }
    Ok(match arguments.anchor {
        Some(anchor) => verifier.anchor(anchor),
        None => verifier,
    })
}

const fn is_unread(broken: &Broken) -> bool {
    matches!(broken.why(), Why::Unreadable(_))
}

fn whole(verified: &Verified) -> String {
    let mut text = format!(
        "whole: events {}, anchors {}, torn lines {}\nanchor {}\n",
        verified.events, verified.anchors, verified.torn, verified.end
    );
    if let Some(before) = verified.continues {
        text.push_str(&format!("continues {before}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use portcullis::audit::FileSink;

    use super::*;

    fn file(name: &str) -> PathBuf {
        let path = env::temp_dir().join(format!("portcullis-cli-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    fn arguments(file: PathBuf) -> AuditArguments {
        AuditArguments {
            file,
            ..AuditArguments::default()
        }
    }

    #[test]
    fn a_file_is_whole_or_the_line_is_named() {
        let path = file("whole");
        drop(FileSink::open(&path).unwrap());
        let (text, code) = verify(&arguments(path.clone())).unwrap();
        assert!(
            text.contains("whole: events 0, anchors 1, torn lines 0"),
            "{text}"
        );
        assert_eq!(code, ExitCode::SUCCESS);

        let changed = fs::read_to_string(&path).unwrap().replace("start", "stArt");
        fs::write(&path, changed).unwrap();
        let (text, code) = verify(&arguments(path.clone())).unwrap();
        assert!(text.contains("broken\nline 1: it was changed"), "{text}");
        assert_eq!(code, ExitCode::from(1));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_can_not_be_read_is_neither() {
        assert!(verify(&arguments(file("missing"))).is_err());
        assert!(verify(&arguments(env::temp_dir())).is_err());
        let mut no_key = arguments(file("missing"));
        no_key.key = Some("PORTCULLIS_NO_SUCH_VARIABLE".to_owned());
        let error = verify(&no_key).unwrap_err();
        assert!(error.to_string().contains("there is no variable"));
    }
}
