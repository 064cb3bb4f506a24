//! Signatures over a manifest: who signed, as what, when and why, each in what is signed (`manifest.sig`).
//!
//! The file is a list of signatures, each a statement (one line of JSON) and under it the armoured signature of that
//! line in OpenSSH's form (PROTOCOL.sshsig, Ed25519, namespace `rig-archive`), so that `ssh-keygen -Y verify` checks it
//! too. A statement names the manifest by its SHA-256, and the signatures before it by theirs: none can be changed,
//! moved, or removed from before another.
//! Deliberately absent: trust. Whose key is whose is the site's to know; [`verify`] is given the known ones.

use super::{RecordError, disk, manifest, run_dir::put};
use crate::checksum::sha256_hex;
use serde::{Deserialize, Serialize};
use ssh_key::{Algorithm, Fingerprint, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig, rand_core::OsRng};
use std::{fs, io::ErrorKind, path::Path};

const SCHEMA: &str = "signature/1";

/// Namespace of the signatures: what is signed here is nothing elsewhere.
pub const NAMESPACE: &str = "rig-archive";

/// Last line of an armoured signature.
const END: &str = "-----END SSH SIGNATURE-----\n";

/// What a signer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// As what: operator, author, reviewer, approver and the like.
    pub role: String,
    /// Who.
    pub name: String,
    /// Why.
    pub reason: String,
    /// When, RFC 3339, UTC.
    pub at: String,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Always `signature/1`.
    pub schema: String,
    /// Name of the run directory.
    pub run: String,
    /// SHA-256 of `manifest.json`.
    pub manifest: String,
    /// SHA-256 of `manifest.sig` before this signature.
    pub previous: String,
    /// As what.
    pub role: String,
    /// Who.
    pub name: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// What was signed.
    #[serde(flatten)]
    pub statement: Statement,
    /// The key, as `ssh-keygen -l` shows it.
    pub key: String,
    /// Whether the key is among the known ones.
    pub known: bool,
}

fn failed(path: &Path) -> impl Fn(&dyn std::fmt::Display) -> RecordError {
    let path = path.to_path_buf();
    move |error| RecordError::at(&path, error)
}

/// Makes a key pair, `NAME` and `NAME.pub`, in OpenSSH's form and without a passphrase; returns the fingerprint.
///
/// # Errors
///
/// [`RecordError`] where one of the files is there already or cannot be written.
pub fn new_key(folder: &Path, name: &str) -> Result<String, RecordError> {
    let (path, public_path) = (folder.join(name), folder.join(format!("{name}.pub")));
    let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(|error| failed(&path)(&error))?;
    key.set_comment(name);
    let private = key.to_openssh(LineEnding::LF).map_err(|error| failed(&path)(&error))?;
    let public = key.public_key().to_openssh().map_err(|error| failed(&public_path)(&error))?;
    if public_path.exists() {
        return Err(RecordError::at(&public_path, "is there already; choose another name"));
    }
    disk::create_private(&path, private.as_bytes()).map_err(|error| failed(&path)(&error))?;
    fs::write(&public_path, public + "\n").map_err(|error| failed(&public_path)(&error))?;
    Ok(key.fingerprint(HashAlg::Sha256).to_string())
}

/// A key to sign with.
///
/// # Errors
///
/// [`RecordError`] where the file holds no Ed25519 key without passphrase.
pub fn private_key(path: &Path) -> Result<PrivateKey, RecordError> {
    let text = fs::read_to_string(path).map_err(|error| failed(path)(&error))?;
    let key = PrivateKey::from_openssh(&text)
        .map_err(|error| RecordError::at(path, format!("{error}; give a private key as `rig keys new` makes it")))?;
    if key.is_encrypted() {
        return Err(RecordError::at(path, "the key has a passphrase; sign with one that has none and guard its file"));
    }
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(RecordError::at(path, format!("{} keys are not used here; give an Ed25519 key", key.algorithm())));
    }
    Ok(key)
}

/// Fingerprint of a key, as `ssh-keygen -l` shows it.
pub fn fingerprint(key: &PrivateKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// The public keys of a file: `NAME.pub`, or several lines of that form, each perhaps with a principal before the key
/// (OpenSSH's `allowed_signers`). Empty lines and lines that begin with `#` are skipped.
///
/// # Errors
///
/// [`RecordError`] with the line that holds no key.
pub fn public_keys(path: &Path) -> Result<Vec<PublicKey>, RecordError> {
    let text = fs::read_to_string(path).map_err(|error| failed(path)(&error))?;
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = line.find("ssh-ed25519 ").and_then(|at| PublicKey::from_openssh(&line[at..]).ok());
        keys.push(key.ok_or_else(|| {
            let message = format!("line {} holds no public Ed25519 key; give the .pub file of a key", number + 1);
            RecordError::at(path, message)
        })?);
    }
    if keys.is_empty() {
        return Err(RecordError::at(path, "holds no public key"));
    }
    Ok(keys)
}

/// Adds a signature over the manifest as it stands.
///
/// # Errors
///
/// [`RecordError`].
pub fn sign(run: &Path, key: &PrivateKey, signer: Signer) -> Result<Signed, RecordError> {
    let path = run.join(manifest::SIGNATURES);
    let before = present(&path)?;
    let manifest_path = run.join(manifest::FILE);
    let manifest = fs::read(&manifest_path).map_err(|error| failed(&manifest_path)(&error))?;
    let statement = Statement {
        schema: SCHEMA.to_owned(),
        run: name_of(run),
        manifest: sha256_hex(&manifest),
        previous: sha256_hex(before.as_bytes()),
        role: signer.role,
        name: signer.name,
        reason: signer.reason,
        at: signer.at,
    };
    let line = serde_json::to_string(&statement).map_err(|error| failed(&path)(&error))? + "\n";
    let signature = key.sign(NAMESPACE, HashAlg::Sha512, line.as_bytes()).map_err(|error| failed(&path)(&error))?;
    let armoured = signature.to_pem(LineEnding::LF).map_err(|error| failed(&path)(&error))?;
    put(run, manifest::SIGNATURES, format!("{before}{line}{}\n", armoured.trim_end()).as_bytes())?;
    Ok(Signed { statement, key: fingerprint(key), known: true })
}

fn present(path: &Path) -> Result<String, RecordError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(failed(path)(&error)),
    }
}

/// The run id is the directory's name; a copy may be called otherwise, so it is told and not compared.
fn name_of(run: &Path) -> String {
    let absolute = run.canonicalize().unwrap_or_else(|_| run.to_path_buf());
    absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The signatures of a run that hold, and what is wrong with the others.
///
/// # Errors
///
/// [`RecordError`] where the file cannot be read.
pub fn verify(run: &Path, known: &[PublicKey]) -> Result<(Vec<Signed>, Vec<String>), RecordError> {
    let path = run.join(manifest::SIGNATURES);
    let text = match fs::read(&path) {
        Ok(bytes) => String::from_utf8(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        Err(error) => return Err(failed(&path)(&error)),
    };
    let name = manifest::SIGNATURES;
    let Ok(text) = text else { return Ok((Vec::new(), vec![format!("{name}: changed (no text)")])) };
    let manifest = sha256_hex(&fs::read(run.join(manifest::FILE)).unwrap_or_default());
    let (mut signed, mut findings) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < text.len() {
        let number = signed.len() + findings.len() + 1;
        let end = text[at..].find(END).map_or(text.len(), |end| at + end + END.len());
        match holds(&text[at..end], &sha256_hex(&text.as_bytes()[..at]), &manifest, known) {
            Ok(one) => signed.push(one),
            Err(why) => findings.push(format!("{name}: signature {number}: {why}")),
        }
        at = end;
    }
    if text.is_empty() {
        findings.push(format!("{name}: changed (it is empty)"));
    }
    Ok((signed, findings))
}

/// One statement with its signature, if it holds.
fn holds(text: &str, previous: &str, manifest: &str, known: &[PublicKey]) -> Result<Signed, String> {
    let (line, armoured) = text.split_once('\n').ok_or("no statement; it was changed or cut off")?;
    let value: serde_json::Value = serde_json::from_str(line).map_err(|error| format!("no statement: {error}"))?;
    if value["schema"] != SCHEMA {
        return Err(format!("the format is {}, this build reads {SCHEMA:?}; use a newer release", value["schema"]));
    }
    let statement: Statement = serde_json::from_value(value).map_err(|error| format!("no statement: {error}"))?;
    let who = format!("{} ({})", statement.name, statement.role);
    let signature = SshSig::from_pem(armoured).map_err(|error| format!("of {who} cannot be read: {error}"))?;
    let again = signature.to_pem(LineEnding::LF).map_err(|error| error.to_string())?;
    if format!("{}\n", again.trim_end()) != armoured {
        return Err(format!("of {who} is not as it was written"));
    }
    let key = PublicKey::from(signature.public_key().clone());
    key.verify(NAMESPACE, format!("{line}\n").as_bytes(), &signature)
        .map_err(|_| format!("of {who} does not fit its statement; one of them was changed"))?;
    if statement.previous != previous {
        return Err(format!("of {who} does not follow those before it; one was removed, added or moved"));
    }
    if statement.manifest != manifest {
        return Err(format!("of {who} is over another {}", manifest::FILE));
    }
    let known = known.iter().any(|known| known.key_data() == key.key_data());
    Ok(Signed { statement, key: Fingerprint::new(HashAlg::Sha256, key.key_data()).to_string(), known })
}
