//! `rig keys` and `rig sign`; and the options with which `rig validate` and `rig resume` sign what they finish.

use super::{
    calendar,
    exit::{Exit, Failure},
    terminal::Terminal,
    verify,
};
use crate::record::{
    RecordError,
    signature::{self, Signed, Signer},
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What `rig keys` does.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key pair: NAME, to be guarded, and NAME.pub, to be given to those who verify
    #[command(after_help = "Example: rig keys new anna --out keys")]
    New(NewKey),
}

/// Options of `rig keys new`.
#[derive(Debug, Args)]
pub struct NewKey {
    /// Name of the files, and comment of the key
    name: String,
    /// Folder for the files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Sign the archive of a finished run
///
/// The archive must be whole. Who signed, as what, when and why is in what is signed; several may sign, each over the
/// signatures before. Keys are OpenSSH's (Ed25519, without passphrase); `ssh-keygen -t ed25519` makes them too.
#[derive(Debug, Args)]
#[command(after_help = "Example: rig sign reports/20260101T000000Z-1.5mm-abc123 --key keys/anna --as reviewer \
    --name \"Anna Weber\" --reason \"figures reviewed\"")]
pub struct Sign {
    /// The run directory
    run: PathBuf,
    /// Private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// As what: author, reviewer, approver and the like
    #[arg(long = "as", value_name = "ROLE")]
    role: String,
    /// Who signs
    #[arg(long, value_name = "WHO")]
    name: String,
    /// What the signature means
    #[arg(long, value_name = "WHY")]
    reason: String,
}

/// How a run is signed once it is finished.
#[derive(Clone, Debug, Default, Args)]
pub struct SignOption {
    /// Private key to sign the finished archive with (`rig keys new`)
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// As what the archive is signed
    #[arg(long = "as", value_name = "ROLE", default_value = "operator", requires = "sign")]
    role: String,
    /// Who signs; the comment of the key without it
    #[arg(long, value_name = "WHO", requires = "sign")]
    name: Option<String>,
    /// What the signature means
    #[arg(long, value_name = "WHY", default_value = "the record of the run as it was made", requires = "sign")]
    reason: String,
}

/// A key that was read, and what is said with it.
pub struct Signing {
    key: ssh_key::PrivateKey,
    role: String,
    name: String,
    reason: String,
}

impl SignOption {
    /// Reads the key before anything moves.
    ///
    /// # Errors
    ///
    /// [`Failure`] where it is no key to sign with.
    pub fn signing(&self) -> Result<Option<Signing>, Failure> {
        let Some(path) = &self.sign else { return Ok(None) };
        let key = signature::private_key(path)?;
        let name = self.name.clone().unwrap_or_else(|| key.comment().to_owned());
        Ok(Some(Signing { key, role: self.role.clone(), name, reason: self.reason.clone() }))
    }
}

impl Signing {
    /// Fingerprint of the key.
    pub fn fingerprint(&self) -> String {
        signature::fingerprint(&self.key)
    }

    /// Signs an archive.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub fn sign(&self, run: &Path) -> Result<Signed, Failure> {
        let said = [&self.role, &self.name, &self.reason].map(|text| text.trim().to_owned());
        if said.iter().any(|text| text.is_empty() || text.chars().any(char::is_control)) {
            let message = "who signs, as what and why must each be said in one line; give --as, --name and --reason";
            return Err(Failure::usage(message));
        }
        let [role, name, reason] = said;
        Ok(signature::sign(run, &self.key, Signer { role, name, reason, at: calendar::now()? })?)
    }
}

impl Keys {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the files are there already or cannot be written.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let Self::New(NewKey { name, out }) = self;
        if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
            return Err(Failure::usage(format!(
                "{name:?} is no name for a file; choose another, and a folder with --out"
            )));
        }
        std::fs::create_dir_all(out).map_err(|error| Failure::usage(RecordError::at(out, error)))?;
        let fingerprint = signature::new_key(out, name)?;
        let (private, public) = (out.join(name), out.join(format!("{name}.pub")));
        if terminal.json {
            let document = json!({"schema": "key/1", "private": private, "public": public, "key": fingerprint});
            terminal.answer(&format!("{document:#}\n"));
        } else {
            terminal.answer(&format!("{}\n{}\n", private.display(), public.display()));
        }
        terminal.note(&format!(
            "{fingerprint}; guard {}, give {} to those who verify",
            private.display(),
            public.display()
        ));
        Ok(Exit::Done)
    }
}

impl Sign {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with exit code 5 where the archive is not whole.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let key = signature::private_key(&self.key)?;
        let findings = verify::findings(&self.run)?;
        if !findings.is_empty() {
            let message = format!("not signed, since the archive is not whole:\n{}", findings.join("\n"));
            return Err(Failure { exit: Exit::Integrity, message });
        }
        let (role, name, reason) = (self.role.clone(), self.name.clone(), self.reason.clone());
        let signed = Signing { key, role, name, reason }.sign(&self.run)?;
        if terminal.json {
            terminal.answer(&format!("{:#}\n", json!(signed)));
        } else {
            terminal.answer(&format!("{}\n", verify::told(&signed)));
        }
        Ok(Exit::Done)
    }
}
