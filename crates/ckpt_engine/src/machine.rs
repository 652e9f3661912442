//! What the machine, or the container that we run in, allows. The number of processors needs no words here: the
//! standard library counts those of the control group's quota.

use std::fs;
use std::path::{Path, PathBuf};

/// WebAssembly has one thread.
pub const HAS_THREADS: bool = !cfg!(target_family = "wasm");

/// Bytes of buffers when nobody says otherwise.
const BUFFERS: u64 = 256 << 20;
/// The part of a container's memory that buffers may take.
const SHARE: u64 = 4;

/// Bytes of buffers for this process: 256 MiB, or a quarter of its control group's memory where that is less.
pub fn default_memory() -> usize {
    let limit = group_limit(Path::new("/proc/self/cgroup"), Path::new("/sys/fs/cgroup"));
    limit.map_or(BUFFERS, |limit| (limit / SHARE).min(BUFFERS)) as usize
}

/// The lowest memory limit among a process's control group and those around it; `None` where there is none.
fn group_limit(groups: &Path, root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(groups).ok()?;
    groups.lines().flat_map(|line| limits(line, root)).min()
}

/// The limits of one line `number:controllers:path`; version 2 has the number 0 and no controllers.
fn limits(line: &str, root: &Path) -> Vec<u64> {
    let mut fields = line.splitn(3, ':');
    let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
        return Vec::new();
    };
    let (root, file) = if number == "0" && controllers.is_empty() {
        (root.to_path_buf(), "memory.max")
    } else if controllers.split(',').any(|name| name == "memory") {
        (root.join("memory"), "memory.limit_in_bytes")
    } else {
        return Vec::new();
    };
    let inner: PathBuf = root.join(path.trim_start_matches('/'));
    let folders = inner.ancestors().take_while(|folder| folder.starts_with(&root));
    // "max" is no number; version 1 says it with one near 2^63, which no minimum takes.
    folders.filter_map(|folder| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let list = folder.path().join("groups");
        fs::write(&list, groups).unwrap();
        group_limit(&list, &root)
    }

    #[test]
    fn the_lowest_limit_counts() {
        let files = [("memory.max", "max\n"), ("a/memory.max", "1000\n"), ("a/b/memory.max", "2000\n")];
        assert_eq!(limit("0::/a/b\n", &files), Some(1000));
        assert_eq!(limit("0::/\n", &files), None);
        assert_eq!(limit("0::/../elsewhere\n", &files), None);
    }

    #[test]
    fn version_one_has_a_tree_for_memory() {
        let files = [("memory/docker/x/memory.limit_in_bytes", "500\n"), ("cpu/docker/x/memory.max", "1\n")];
        assert_eq!(limit("3:cpu,cpuacct:/docker/x\n2:memory:/docker/x\n", &files), Some(500));
        assert_eq!(limit("nonsense", &files), None);
    }
}
