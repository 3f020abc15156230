/* Writes down, in order, every change that a process makes below one folder: what it creates, writes, cuts,
 * links, renames, removes, and what it syncs. Preloaded (LD_PRELOAD) into the process that power.rs stops.
 *
 * EXHIBIT_JOURNAL_OF names the folder, EXHIBIT_JOURNAL the file written. An entry is a header of 32 bytes and
 * two chunks: two paths, or one and data. What the process writes on its standard output is an entry, too,
 * so that it has its place among the others.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, FOLDER, WRITE, LENGTH, SYNC, RENAME, LINK, REMOVE, SAID };

struct head {
    uint32_t what, first_bytes, second_bytes, unused;
    uint64_t inode, at;
};

static int journal = -1;
static char folder[4096];
static size_t folder_bytes;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

#define REAL(result, name, ...)                                  \
    static result (*real_##name)(__VA_ARGS__);                   \
    if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)

static void fail(const char *what) {
    fprintf(stderr, "journal: %s: %s\n", what, strerror(errno));
    abort();
}

__attribute__((constructor)) static void start(void) {
    const char *of = getenv("EXHIBIT_JOURNAL_OF"), *to = getenv("EXHIBIT_JOURNAL");
    if (!of || !to) return;
    folder_bytes = strlen(of);
    if (folder_bytes >= sizeof folder) fail("the folder's name");
    memcpy(folder, of, folder_bytes + 1);
    REAL(int, open64, const char *, int, ...);
    journal = real_open64(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) fail(to);
}

static void note(uint32_t what, uint64_t inode, uint64_t at, const void *first, size_t first_bytes,
                 const void *second, size_t second_bytes) {
    struct head head = {what, (uint32_t)first_bytes, (uint32_t)second_bytes, 0, inode, at};
    struct iovec parts[] = {
        {&head, sizeof head}, {(void *)first, first_bytes}, {(void *)second, second_bytes}};
    REAL(ssize_t, writev, int, const struct iovec *, int);
    ssize_t whole = (ssize_t)(sizeof head + first_bytes + second_bytes);
    if (real_writev(journal, parts, 3) != whole) fail("an entry");
}

static void note_paths(uint32_t what, uint64_t inode, const char *first, const char *second) {
    note(what, inode, 0, first, strlen(first), second, second ? strlen(second) : 0);
}

static int below(const char *path) {
    return journal >= 0 && strncmp(path, folder, folder_bytes) == 0 &&
           (path[folder_bytes] == '/' || path[folder_bytes] == 0);
}

/* The absolute path of what a call names; 0 where it does not lie below the folder. */
static int resolve(int at, const char *path, char *out, size_t room) {
    if (journal < 0 || !path) return 0;
    if (path[0] == '/') {
        if (strlen(path) >= room) return 0;
        strcpy(out, path);
        return below(out);
    }
    char base[4096];
    if (at == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t n = readlink(link, base, sizeof base - 1);
        if (n < 0) return 0;
        base[n] = 0;
    }
    return snprintf(out, room, "%s/%s", base, path) < (int)room && below(out);
}

/* Whether a descriptor is of a file or folder below the folder, and which. */
static int ours(int fd, struct stat *of) {
    if (journal < 0 || fd == journal) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return below(path) && fstat(fd, of) == 0;
}

static uint64_t position(int fd, const struct stat *of) {
    return fcntl(fd, F_GETFL) & O_APPEND ? (uint64_t)of->st_size : (uint64_t)lseek(fd, 0, SEEK_CUR);
}

#define LOCK pthread_mutex_lock(&one_at_a_time)
#define UNLOCK                                   \
    do {                                         \
        int kept = errno;                        \
        pthread_mutex_unlock(&one_at_a_time);    \
        errno = kept;                            \
    } while (0)

static int opened(int at, const char *path, int flags, mode_t mode) {
    char full[4096];
    REAL(int, openat64, int, const char *, int, ...);
    if (!(flags & (O_CREAT | O_TRUNC)) || !resolve(at, path, full, sizeof full))
        return real_openat64(at, path, flags, mode);
    LOCK;
    struct stat before, after;
    int was = fstatat(at, path, &before, 0) == 0;
    int fd = real_openat64(at, path, flags, mode);
    if (fd >= 0 && fstat(fd, &after) == 0) {
        if (!was) note_paths(CREATE, after.st_ino, full, NULL);
        else if (flags & O_TRUNC) note(LENGTH, after.st_ino, 0, NULL, 0, NULL, 0);
    }
    UNLOCK;
    return fd;
}

#define MODE                              \
    mode_t mode = 0;                      \
    if (flags & (O_CREAT | O_TMPFILE)) {  \
        va_list more;                     \
        va_start(more, flags);            \
        mode = va_arg(more, mode_t);      \
        va_end(more);                     \
    }

int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return opened(at, path, flags, mode); }

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(ssize_t, write, int, const void *, size_t);
    struct stat of;
    int said = journal >= 0 && fd == STDOUT_FILENO;
    if (!said && !ours(fd, &of)) return real_write(fd, bytes, count);
    LOCK;
    /* Asked again under the lock: it may have grown. */
    uint64_t at = said || fstat(fd, &of) != 0 ? 0 : position(fd, &of);
    ssize_t done = real_write(fd, bytes, count);
    if (done > 0) note(said ? SAID : WRITE, said ? 0 : of.st_ino, at, NULL, 0, bytes, (size_t)done);
    UNLOCK;
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    struct stat of;
    if (fd != STDOUT_FILENO && !ours(fd, &of)) return real_writev(fd, parts, count);
    /* One part at a time: fewer bytes than asked for is an answer that every caller expects. */
    return count > 0 ? write(fd, parts[0].iov_base, parts[0].iov_len) : 0;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    struct stat of;
    if (!ours(fd, &of)) return real_pwrite64(fd, bytes, count, at);
    LOCK;
    ssize_t done = real_pwrite64(fd, bytes, count, at);
    if (done > 0) note(WRITE, of.st_ino, (uint64_t)at, NULL, 0, bytes, (size_t)done);
    UNLOCK;
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }

int ftruncate64(int fd, off64_t length) {
    REAL(int, ftruncate64, int, off64_t);
    struct stat of;
    if (!ours(fd, &of)) return real_ftruncate64(fd, length);
    LOCK;
    int done = real_ftruncate64(fd, length);
    if (done == 0) note(LENGTH, of.st_ino, (uint64_t)length, NULL, 0, NULL, 0);
    UNLOCK;
    return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

#define SYNCS(name)                                                     \
    int name(int fd) {                                                  \
        REAL(int, name, int);                                           \
        struct stat of;                                                 \
        if (!ours(fd, &of)) return real_##name(fd);                     \
        LOCK;                                                           \
        note(SYNC, of.st_ino, 0, NULL, 0, NULL, 0);                     \
        UNLOCK;                                                         \
        return 0; /* What is synced is the journal's reader's affair. */ \
    }
SYNCS(fsync)
SYNCS(fdatasync)

/* The kernel may begin to write: which orders nothing, and makes nothing durable. */
int sync_file_range(int fd, off64_t at, off64_t bytes, unsigned int flags) {
    (void)fd, (void)at, (void)bytes, (void)flags;
    return 0;
}

/* Whether both names lie below the folder. One that leaves it is more than the journal can tell. */
static int within(int from_at, const char *from, char *first, int to_at, const char *to, char *second) {
    int from_ours = resolve(from_at, from, first, 4096), to_ours = resolve(to_at, to, second, 4096);
    if (from_ours != to_ours) fail("a name leaves the folder");
    return from_ours;
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    char first[4096], second[4096];
    if (!within(AT_FDCWD, from, first, AT_FDCWD, to, second)) return real_rename(from, to);
    LOCK;
    int done = real_rename(from, to);
    if (done == 0) note_paths(RENAME, 0, first, second);
    UNLOCK;
    return done;
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int);
    char first[4096], second[4096];
    if (!within(from_at, from, first, to_at, to, second)) return real_linkat(from_at, from, to_at, to, flags);
    LOCK;
    int done = real_linkat(from_at, from, to_at, to, flags);
    if (done == 0) note_paths(LINK, 0, first, second);
    UNLOCK;
    return done;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

static int removed(int at, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    char full[4096];
    if (!resolve(at, path, full, sizeof full)) return real_unlinkat(at, path, flags);
    LOCK;
    int done = real_unlinkat(at, path, flags);
    if (done == 0) note_paths(REMOVE, 0, full, NULL);
    UNLOCK;
    return done;
}

int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return removed(at, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    char full[4096];
    if (!resolve(at, path, full, sizeof full)) return real_mkdirat(at, path, mode);
    LOCK;
    struct stat of;
    int done = real_mkdirat(at, path, mode);
    if (done == 0 && fstatat(at, path, &of, 0) == 0) note_paths(FOLDER, of.st_ino, full, NULL);
    UNLOCK;
    return done;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* Ways around write(): refused, so that callers take the plain one. */
#define REFUSED(result, name, ...)  \
    result name(__VA_ARGS__) {      \
        errno = ENOSYS;             \
        return -1;                  \
    }
REFUSED(ssize_t, copy_file_range, int a, off64_t *b, int c, off64_t *d, size_t e, unsigned int f)
REFUSED(ssize_t, sendfile, int a, int b, off_t *c, size_t d)
REFUSED(ssize_t, sendfile64, int a, int b, off64_t *c, size_t d)
REFUSED(ssize_t, splice, int a, off64_t *b, int c, off64_t *d, size_t e, unsigned int f)
REFUSED(int, fallocate64, int a, int b, off64_t c, off64_t d)
REFUSED(int, renameat2, int a, const char *b, int c, const char *d, unsigned int e)
REFUSED(int, renameat, int a, const char *b, int c, const char *d)
REFUSED(ssize_t, pwritev, int a, const struct iovec *b, int c, off_t d)
