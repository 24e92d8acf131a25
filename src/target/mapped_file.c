/* SPDX-License-Identifier: MIT */
/*
 * The files behind the mappings of a live process.
 *
 * A path in maps may be gone, may mean another file by now, and may be seen from
 * another root: the host's for a chroot, the container's own for a pivoted one.
 * So each way to the file is tried in turn, and what it leads to must be the
 * file that is mapped. All of them look with O_PATH first: opening a device or a
 * FIFO for real can have effects.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "target/maps_parse.h"
#include "target/process/process.h"

/* For reading, from a descriptor that only names it. The file's access time is
 * left alone where we may. */
static int open_named(int named)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", named);
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags | O_NOATIME);
	return fd < 0 && errno == EPERM ? open(path, flags) : fd;
}

static bool is_regular(int fd)
{
	struct stat stat;
	return fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
}

/* What our own maps call this file once it is mapped: on btrfs and overlayfs
 * that is another device than fstat() gives. */
static bool maps_name_it(int fd, const struct mapping *mapping)
{
	void *page = mmap(NULL, TARGET_PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	if (page == MAP_FAILED)
		return false;
	size_t length;
	char *text = io_read_file(AT_FDCWD, "/proc/self/maps", SIZE_MAX / 2, &length);
	struct maps maps = {0};
	bool same = false;
	if (text && maps_parse(text, length, &maps) == 0) {
		const struct mapping *ours = maps_find(&maps, (uintptr_t)page);
		same = ours && mapping_same_file(ours, mapping);
	}
	maps_fini(&maps);
	munmap(page, TARGET_PAGE);
	return same;
}

/* Takes over `named`; a descriptor for reading if it is the file of the mapping. */
static int open_if_same(int named, const struct mapping *mapping)
{
	CLEANUP(closep) int guard = named;
	struct stat stat;
	if (named < 0 || fstat(named, &stat) < 0 || !S_ISREG(stat.st_mode))
		return -1;
	CLEANUP(closep) int fd = open_named(named);
	if (fd < 0)
		return -1;
	bool same = stat.st_dev == mapping->device && stat.st_ino == mapping->inode;
	return same || maps_name_it(fd, mapping) ? take_fd(&fd) : -1;
}

/* maps writes a newline in a path as \012. */
static char *path_of(const struct mapping *mapping)
{
	char *path = strdup(mapping->path);
	if (!path)
		return NULL;
	char *to = path;
	for (const char *from = path; *from; to++) {
		bool newline = strncmp(from, "\\012", 4) == 0;
		*to = newline ? '\n' : *from;
		from += newline ? 4 : 1;
	}
	*to = '\0';
	return path;
}

/* Under the root of the process, never out of it: a link in there could point
 * anywhere. Where the kernel has no openat2(), the check of what was found must do. */
static int open_in_root(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(root, path + strspn(path, "/"), O_PATH | O_CLOEXEC);
	return fd;
}

static int open_by_path(int proc, const struct mapping *mapping)
{
	CLEANUP(freep) char *path = path_of(mapping);
	if (!path || path[0] != '/')
		return -1;
	int fd = -1;
	CLEANUP(closep) int root = openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0)
		fd = open_if_same(open_in_root(root, path), mapping);
	return fd >= 0 ? fd : open_if_same(open(path, O_PATH | O_CLOEXEC), mapping);
}

static int open_mapped_file(const struct process_target *process, const struct mapping *mapping,
			    enum fault *ret_fault)
{
	*ret_fault = FAULT_ABSENT;
	if (!mapping_is_file(mapping))
		return -1;
	/* The range names the very mapping: no more proof is needed. */
	char range[64];
	snprintf(range, sizeof(range), "map_files/%" PRIx64 "-%" PRIx64, mapping->start, mapping->end);
	int proc = process->identity.proc;
	CLEANUP(closep) int named = openat(proc, range, O_PATH | O_CLOEXEC);
	if (named >= 0 && !is_regular(named)) {
		*ret_fault = FAULT_DENIED;
		return -1;
	}
	int fd = named < 0 ? -1 : open_named(named);
	if (fd < 0)
		fd = open_if_same(openat(proc, "exe", O_PATH | O_CLOEXEC), mapping);
	if (fd < 0)
		fd = open_by_path(proc, mapping);
	if (fd < 0 && strncmp(mapping->path, "anon_inode:", 11) == 0)
		*ret_fault = FAULT_DENIED;
	return fd;
}

int process_open_mapped_file(struct target *target, const struct mapping *mapping)
{
	enum fault fault;
	return open_mapped_file((struct process_target *)target, mapping, &fault);
}

int process_mapped_file(struct process_target *process, const struct mapping *mapping,
			enum fault *ret_fault)
{
	struct cached_file *file = NULL;
	for (size_t i = 0; i < CACHED_FILES && !file; i++) {
		struct cached_file *other = &process->files[i];
		if ((other->fd >= 0 || other->fault != FAULT_NONE) &&
		    other->inode == mapping->inode && other->device == mapping->device)
			file = other;
	}
	if (!file) {
		file = &process->files[process->next_file++ % CACHED_FILES];
		closep(&file->fd);
		*file = (struct cached_file){.device = mapping->device, .inode = mapping->inode};
		file->fd = open_mapped_file(process, mapping, &file->fault);
	}
	*ret_fault = file->fault;
	return file->fd;
}

void process_forget_missing_files(struct process_target *process)
{
	for (size_t i = 0; i < CACHED_FILES; i++)
		if (process->files[i].fd < 0)
			process->files[i] = (struct cached_file){.fd = -1};
}

void process_close_files(struct process_target *process)
{
	for (size_t i = 0; i < CACHED_FILES; i++) {
		closep(&process->files[i].fd);
		process->files[i] = (struct cached_file){.fd = -1};
	}
}
