//! A disk that keeps what was synced, and of the rest what chance leaves.
//!
//! Files and folders are nodes. Each has its content as processes see it and its content as it is kept; the
//! changes between the two are pending. Syncing a file keeps its bytes, not its name; syncing a folder keeps
//! its names. When the power goes each pending change is kept or lost by itself, in no order; a write may
//! be torn into sectors. A rename inside a folder is kept or lost as one; from folder to folder it is two changes.

use rand::Rng as _;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const SECTOR: usize = 512;

type Node = usize;

/// What a process did.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Create {
        inode: u64,
        path: PathBuf,
    },
    Folder {
        inode: u64,
        path: PathBuf,
    },
    Write {
        inode: u64,
        at: u64,
        bytes: Vec<u8>,
    },
    Length {
        inode: u64,
        length: u64,
    },
    Sync {
        inode: u64,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    /// Not the disk's affair: what it said of its work.
    Said {
        text: String,
    },
}

/// A change to a file's bytes.
#[derive(Clone)]
enum Bytes {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

/// Names of one folder that change together, each to what it then names.
type Names = Vec<(String, Option<Node>)>;

#[derive(Clone)]
enum Content {
    File { now: Vec<u8>, kept: Vec<u8>, pending: Vec<Bytes> },
    Folder { now: BTreeMap<String, Node>, kept: BTreeMap<String, Node>, pending: Vec<Names> },
}

/// The disk, from one folder down.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) root: PathBuf,
    nodes: Vec<Content>,
    inodes: HashMap<u64, Node>,
}

/// How much of what is pending the loss of power leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    Everything,
    Nothing,
    /// Names are kept, and what was written is not.
    Bytes,
    /// What was written is kept, under no name.
    Names,
    /// Each by chance, so many of ten.
    Some(u32),
}

impl Loss {
    pub(crate) fn any(random: &mut StdRng) -> Self {
        match random.random_range(0..8) {
            0 => Self::Everything,
            1 => Self::Nothing,
            2 => Self::Bytes,
            3 => Self::Names,
            _ => Self::Some(random.random_range(1..10)),
        }
    }

    fn keeps(self, random: &mut StdRng, name: bool) -> bool {
        match self {
            Self::Everything => false,
            Self::Nothing => true,
            Self::Bytes => name,
            Self::Names => !name,
            Self::Some(lost) => random.random_range(0..10) >= lost,
        }
    }
}

fn folder() -> Content {
    Content::Folder { now: BTreeMap::new(), kept: BTreeMap::new(), pending: Vec::new() }
}

fn change(file: &mut Vec<u8>, change: &Bytes) {
    match change {
        Bytes::Write { at, bytes } => {
            let end = at + bytes.len();
            if file.len() < end {
                file.resize(end, 0);
            }
            file[*at..end].copy_from_slice(bytes);
        }
        Bytes::Length(length) => file.resize(*length, 0),
    }
}

fn rename(folder: &mut BTreeMap<String, Node>, names: &Names) {
    for (name, node) in names {
        match node {
            Some(node) => _ = folder.insert(name.clone(), *node),
            None => _ = folder.remove(name),
        }
    }
}

/// What the loss of power leaves of a change: all, nothing, or some sectors.
fn left(random: &mut StdRng, loss: Loss, done: Bytes) -> Vec<Bytes> {
    if loss.keeps(random, false) {
        return vec![done];
    }
    match (loss, done) {
        (Loss::Some(_), Bytes::Write { at, bytes }) if random.random_range(0..4) == 0 => {
            torn(random, at, &bytes)
        }
        _ => Vec::new(),
    }
}

/// Some sectors of a write.
fn torn(random: &mut StdRng, at: usize, bytes: &[u8]) -> Vec<Bytes> {
    let mut kept = Vec::new();
    let mut from = 0;
    while from < bytes.len() {
        let to = bytes.len().min((at + from) / SECTOR * SECTOR + SECTOR - at);
        if random.random() {
            kept.push(Bytes::Write { at: at + from, bytes: bytes[from..to].to_vec() });
        }
        from = to;
    }
    kept
}

impl Disk {
    /// An empty folder, which is kept.
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), nodes: vec![folder()], inodes: HashMap::new() }
    }

    fn names(&mut self, node: Node) -> &mut BTreeMap<String, Node> {
        match &mut self.nodes[node] {
            Content::Folder { now, .. } => now,
            Content::File { .. } => panic!("a file has no names in it"),
        }
    }

    /// The folder that a path is in, and its name there.
    fn place(&mut self, path: &Path) -> (Node, String) {
        let inside = path.strip_prefix(&self.root).unwrap().to_owned();
        let name = inside.file_name().unwrap().to_str().unwrap().to_owned();
        let mut node = 0;
        for part in inside.parent().unwrap() {
            node = *self.names(node).get(part.to_str().unwrap()).unwrap_or_else(|| panic!("{path:?}"));
        }
        (node, name)
    }

    fn set(&mut self, folder: Node, names: Names) {
        let Content::Folder { now, pending, .. } = &mut self.nodes[folder] else { panic!("not a folder") };
        rename(now, &names);
        pending.push(names);
    }

    fn add(&mut self, inode: u64, path: &Path, content: Content) {
        let (folder, name) = self.place(path);
        self.nodes.push(content);
        let node = self.nodes.len() - 1;
        self.inodes.insert(inode, node);
        self.set(folder, vec![(name, Some(node))]);
    }

    fn write(&mut self, inode: u64, bytes: Bytes) {
        let Content::File { now, pending, .. } = &mut self.nodes[self.inodes[&inode]] else {
            panic!("not a file")
        };
        change(now, &bytes);
        pending.push(bytes);
    }

    /// Takes in what a process did.
    pub(crate) fn apply(&mut self, done: &Change) {
        match done {
            Change::Said { .. } => {}
            Change::Create { inode, path } => {
                let file = Content::File { now: Vec::new(), kept: Vec::new(), pending: Vec::new() };
                self.add(*inode, path, file);
            }
            Change::Folder { inode, path } => self.add(*inode, path, folder()),
            Change::Write { inode, at, bytes } => {
                self.write(*inode, Bytes::Write { at: *at as usize, bytes: bytes.clone() });
            }
            Change::Length { inode, length } => self.write(*inode, Bytes::Length(*length as usize)),
            Change::Sync { inode } => match &mut self.nodes[self.inodes[inode]] {
                Content::File { now, kept, pending } => {
                    pending.clear();
                    kept.clone_from(now);
                }
                Content::Folder { now, kept, pending } => {
                    pending.clear();
                    kept.clone_from(now);
                }
            },
            Change::Rename { from, to } => {
                let ((from, old), (to, new)) = (self.place(from), self.place(to));
                let node = self.names(from)[&old];
                let (gone, there) = ((old, None), (new, Some(node)));
                if from == to {
                    self.set(from, vec![gone, there]);
                } else {
                    self.set(to, vec![there]);
                    self.set(from, vec![gone]);
                }
            }
            Change::Link { from, to } => {
                let ((from, old), (to, new)) = (self.place(from), self.place(to));
                let node = self.names(from)[&old];
                self.set(to, vec![(new, Some(node))]);
            }
            Change::Remove { path } => {
                let (folder, name) = self.place(path);
                self.set(folder, vec![(name, None)]);
            }
        }
    }

    /// The power goes: what is then there is all that is kept.
    pub(crate) fn lose_power(&mut self, random: &mut StdRng, loss: Loss) {
        for node in &mut self.nodes {
            match node {
                Content::File { now, kept, pending } => {
                    for done in pending.drain(..) {
                        left(random, loss, done).iter().for_each(|done| change(kept, done));
                    }
                    now.clone_from(kept);
                }
                Content::Folder { now, kept, pending } => {
                    for names in pending.drain(..) {
                        if loss.keeps(random, true) {
                            rename(kept, &names);
                        }
                    }
                    now.clone_from(kept);
                }
            }
        }
    }

    /// Changes that the loss of power may undo.
    pub(crate) fn pending(&self) -> usize {
        let count = |node: &Content| match node {
            Content::File { pending, .. } => pending.len(),
            Content::Folder { pending, .. } => pending.len(),
        };
        self.nodes.iter().map(count).sum()
    }

    /// Writes the disk as processes see it into an empty folder.
    pub(crate) fn write_to(&self, dir: &Path) {
        self.materialise(dir, &mut HashMap::new());
    }

    /// As [`Disk::write_to`], into the disk's own folder: what is done there from now on is done to this disk.
    pub(crate) fn restart(&mut self) {
        for entry in std::fs::read_dir(&self.root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }.unwrap();
        }
        let mut paths = HashMap::new();
        self.materialise(&self.root, &mut paths);
        let inode = |path: &PathBuf| std::fs::metadata(path).unwrap().ino();
        self.inodes = paths.iter().map(|(node, path)| (inode(path), *node)).collect();
    }

    fn materialise(&self, dir: &Path, paths: &mut HashMap<Node, PathBuf>) {
        let mut rest = vec![(0, dir.to_owned())];
        while let Some((node, path)) = rest.pop() {
            match (&self.nodes[node], paths.get(&node)) {
                (Content::File { .. }, Some(same)) => std::fs::hard_link(same, &path).unwrap(),
                (Content::File { now, .. }, None) => std::fs::write(&path, now).unwrap(),
                (Content::Folder { now, .. }, _) => {
                    if node != 0 {
                        std::fs::create_dir(&path).unwrap();
                    }
                    rest.extend(now.iter().map(|(name, node)| (*node, path.join(name))));
                }
            }
            paths.insert(node, path);
        }
    }

    /// Sees that the disk is what its folder really holds: that no change went past the journal.
    pub(crate) fn compare(&self) {
        let mut found = Vec::new();
        let mut rest = vec![(0, self.root.clone())];
        while let Some((node, path)) = rest.pop() {
            match &self.nodes[node] {
                Content::File { now, .. } => {
                    assert!(std::fs::read(&path).unwrap() == *now, "{} was changed unseen", path.display());
                    found.push(path);
                }
                Content::Folder { now, .. } => {
                    rest.extend(now.iter().map(|(name, node)| (*node, path.join(name))));
                }
            }
        }
        found.sort();
        let mut really = crate::runs::walk_files(&self.root);
        really.sort();
        assert_eq!(found, really);
    }
}
