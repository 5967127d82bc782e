//! What root is for at the start, and how it is given up.

use crate::config::Config;
use crate::service::seal::Keys;
use anyhow::{Context, Result, bail};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, lchown};
use std::path::Path;

/// Whom the appliance becomes where it was started as root: `mailstead` if there is such a user, else `nobody`.
pub fn service_user() -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let find = |name| nix::unistd::User::from_name(name).ok().flatten();
    let user = find("mailstead").or_else(|| find("nobody"))?;
    Some((user.uid.as_raw(), user.gid.as_raw()))
}

/// Ports are bound: from here on root is not needed, and whoever breaks in does not have it.
pub(super) fn give_up(config: &Config) -> Result<()> {
    let Some((uid, gid)) = service_user() else {
        if nix::unistd::geteuid().is_root() {
            bail!("there is neither a user mailstead nor nobody to become: adduser --system --group mailstead");
        }
        return Ok(());
    };
    make_data_directory(&config.data_dir, Some((uid, gid)))?;
    for name in ["lock", "tls", "ready.json", "postgres"] {
        hand_over(&config.data_dir.join(name), uid, gid)?;
    }
    hand_over(&config.key_file, uid, gid)?;
    let (uid, gid) = (nix::unistd::Uid::from_raw(uid), nix::unistd::Gid::from_raw(gid));
    let name = nix::unistd::User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    nix::unistd::setgroups(&[gid]).context("giving up root")?;
    nix::unistd::setgid(gid).context("giving up root")?;
    nix::unistd::setuid(uid).context("giving up root")?;
    readable(config, &name)?;
    if std::fs::read_dir(&config.data_dir).is_err() {
        bail!(
            "{}: the service user {name} can't reach it: the folders above must be passable (chmod o+x)",
            config.data_dir.display()
        );
    }
    Ok(())
}

/// What only root can read now would be missed later, at a reload in the middle of the night.
fn readable(config: &Config, name: &str) -> Result<()> {
    let files = config.tls.iter().flat_map(|(certificate, key)| [certificate, key]);
    for path in files.chain([&config.key_file]) {
        match std::fs::File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => bail!(
                "{}: the service user {name} can't read it ({error}): chgrp it to {name}'s own group and chmod 640, and let {name} pass the folders above",
                path.display()
            ),
            // One that is missing is told by whoever needs it, or made.
            _ => {}
        }
    }
    Ok(())
}

/// Gives what an earlier start left behind to the service user; deeper than one level only where root made it.
fn hand_over(path: &Path, uid: u32, gid: u32) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let Ok(meta) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if meta.file_type().is_symlink() || meta.uid() == uid {
        return Ok(());
    }
    // Never through a link: the folder is the service user's, who may put one there.
    lchown(path, Some(uid), Some(gid)).with_context(|| path.display().to_string())?;
    if meta.is_dir() {
        for entry in std::fs::read_dir(path).with_context(|| path.display().to_string())?.flatten() {
            hand_over(&entry.path(), uid, gid)?;
        }
    }
    Ok(())
}

/// Makes the data directory, for its user alone. What belongs to somebody else is never taken over: their server may run
/// there.
pub(super) fn make_data_directory(path: &Path, user: Option<(u32, u32)>) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| path.display().to_string())?;
    nothing_foreign(path)?;
    if let Some((uid, gid)) = user {
        let owner = std::fs::metadata(path).with_context(|| path.display().to_string())?.uid();
        if owner != 0 && owner != uid {
            bail!("{} belongs to the user with the number {owner}: run this as that user", path.display());
        }
        chown(path, Some(uid), Some(gid)).with_context(|| path.display().to_string())?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).with_context(|| path.display().to_string())
}

/// What stands in a data directory before or after the first start.
const KNOWN: [&str; 8] = [
    "secret.key",
    "secret.draft",
    "postgres",
    "tls",
    "lock",
    "ready.json",
    "ready.draft",
    // At the top of a disk of its own.
    "lost+found",
];

/// A folder is taken as data directory if it is empty or was one before: a wrong `--data` must not hand somebody's files
/// to the service user.
fn nothing_foreign(path: &Path) -> Result<()> {
    if path.join("secret.key").exists() || path.join("postgres/data/PG_VERSION").exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(path).with_context(|| path.display().to_string())? {
        let name = entry?.file_name();
        let known = name.to_str().is_some_and(|name| {
            KNOWN.contains(&name) || ["demo.", "mailstead."].iter().any(|own| name.starts_with(own))
        });
        if !known {
            bail!(
                "{} is no data directory, {} is in it: name one that is empty or not there yet",
                path.display(),
                name.display()
            );
        }
    }
    Ok(())
}

/// Reads the key file; the first start makes it.
pub(super) fn read_keys(path: &Path, user: Option<(u32, u32)>) -> Result<Keys> {
    if !path.exists() {
        let line = Keys::generate_line()?;
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(path).with_context(|| path.display().to_string())?;
        std::io::Write::write_all(
            &mut file,
            format!("# Mailstead's sealing key. Keep a copy: without it nobody can sign in.\n{line}\n").as_bytes(),
        )?;
        file.sync_all()?;
        if let Some((uid, gid)) = user {
            lchown(path, Some(uid), Some(gid))?;
        }
    }
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Keys::parse(&text).with_context(|| path.display().to_string())
}

/// Lets this process open as many files as the system allows it; how many that is.
pub(super) fn raise_file_limit() -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    let wanted = hard.min(65_536);
    if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
        return usize::try_from(wanted).unwrap_or(usize::MAX);
    }
    usize::try_from(soft).unwrap_or(usize::MAX)
}
