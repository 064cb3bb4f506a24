//! Names the build: the version of the package says what was released, the digest of the sources what was compiled.
//! Two builds of one version that measure differently are told apart by it in every archive.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// FNV-1a, 64 bits: tells builds apart and proves nothing, so that it needs no crate.
struct Digest(u64);

impl Digest {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("the folder of the sources is there while they are compiled");
    for entry in entries {
        let path = entry.expect("the folder of the sources can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn main() {
    let mut files = vec![PathBuf::from("Cargo.lock")];
    sources(Path::new("src"), &mut files);
    files.sort();
    let mut digest = Digest(0xcbf2_9ce4_8422_2325);
    for file in files {
        digest.take(file.to_string_lossy().replace('\\', "/").as_bytes());
        // A package without its lock file is built with whatever is newest; its sources still tell.
        digest.take(&fs::read(&file).unwrap_or_default());
    }
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rustc-env=RIG_BUILD={:08x}", digest.0 >> 32);
}
