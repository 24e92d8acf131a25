/* SPDX-License-Identifier: MIT */
/*
 * The files that a core's process had mapped, on this machine.
 *
 * A path in a core proves nothing: the program may have been replaced, the core
 * may come from another machine or another root, or be made to have us read some
 * other file. So the file must be the one that the core shows the beginning of.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "target/build_id.h"
#include "target/core/private.h"

enum { PAGE = 4096 };

static const char not_here[] = "the file is not here";
static const char other_build[] = "the file that is here is another build";
static const char no_proof[] = "the core does not tell which build of the file it was";

/* ---- the file as the core shows it --------------------------------------- */

struct image {
	const struct core_target *core;
	const struct mapping *first; /* of offset 0 */
};

static bool read_image(void *context, uint64_t offset, void *buffer, size_t length)
{
	const struct image *image = context;
	uint64_t room = image->first->end - image->first->start;
	return offset <= room && length <= room - offset &&
	       core_read_dumped(image->core, image->first->start + offset, buffer, length);
}

static bool find_image(const struct core_target *core, const struct mapping *mapping,
		       struct image *ret_image)
{
	const struct maps *maps = &core->base.maps;
	for (size_t i = 0; i < maps->count; i++) {
		struct image image = {core, &maps->items[i]};
		char magic[SELFMAG];
		if (image.first->offset == 0 && mapping_same_file(image.first, mapping) &&
		    read_image(&image, 0, magic, sizeof(magic)) &&
		    memcmp(magic, ELFMAG, SELFMAG) == 0) {
			*ret_image = image;
			return true;
		}
	}
	return false;
}

/* ---- the file as it is here ---------------------------------------------- */

static bool read_file(void *context, uint64_t offset, void *buffer, size_t length)
{
	return offset <= INT64_MAX &&
	       io_pread_all(*(int *)context, buffer, length, (off_t)offset) == (ssize_t)length;
}

/* Opening a device or a FIFO for real can have effects: first look what it is. */
static int open_regular(const char *path)
{
	CLEANUP(closep) int named = open(path, O_PATH | O_CLOEXEC);
	struct stat stat;
	if (named < 0 || fstat(named, &stat) < 0 || !S_ISREG(stat.st_mode))
		return -1;
	char name[40];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", named);
	return open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* The kernel adds this to the name of a file without one; another file may have it
 * by now, or the same again. */
static char *path_of(const struct mapping *mapping)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(mapping->path);
	if (length > strlen(deleted) &&
	    strcmp(mapping->path + length - strlen(deleted), deleted) == 0)
		length -= strlen(deleted);
	return strndup(mapping->path, length);
}

/* Without build ids: the whole first page, with the sizes of all parts of the file
 * in it, and no change since the core was made. */
static bool is_same_by_page(const struct image *image, int fd)
{
	uint8_t theirs[PAGE], ours[PAGE];
	struct stat stat;
	return read_image((void *)image, 0, theirs, PAGE) && read_file(&fd, 0, ours, PAGE) &&
	       memcmp(theirs, ours, PAGE) == 0 && fstat(fd, &stat) == 0 &&
	       (double)stat.st_mtim.tv_sec <= image->core->facts.time;
}

static int open_proven(const struct core_target *core, const struct mapping *mapping,
		       const char **ret_reason)
{
	*ret_reason = not_here;
	CLEANUP(freep) char *path = path_of(mapping);
	CLEANUP(closep) int fd = path && path[0] == '/' ? open_regular(path) : -1;
	if (fd < 0)
		return -1;
	struct image image;
	*ret_reason = no_proof;
	if (!find_image(core, mapping, &image))
		return -1;
	struct build_id theirs, ours;
	bool they_have = build_id_find(read_image, &image, &theirs);
	bool we_have = build_id_find(read_file, &fd, &ours);
	bool same = they_have && we_have ? build_id_equal(&theirs, &ours)
					 : is_same_by_page(&image, fd);
	*ret_reason = same ? NULL : other_build;
	return same ? take_fd(&fd) : -1;
}

bool core_is_program(const struct core_target *core, const struct mapping *mapping)
{
	struct image image;
	return find_image(core, mapping, &image);
}

/* ---- kept ----------------------------------------------------------------- */

int core_mapped_file(struct core_target *core, const struct mapping *mapping,
		     const char **ret_reason)
{
	struct core_mapped_file *file = NULL;
	for (size_t i = 0; i < CORE_FILES && !file; i++) {
		struct core_mapped_file *other = &core->files[i];
		if ((other->fd >= 0 || other->reason) && other->inode == mapping->inode &&
		    other->device == mapping->device)
			file = other;
	}
	if (!file) {
		file = &core->files[core->next_file++ % CORE_FILES];
		closep(&file->fd);
		*file = (struct core_mapped_file){.device = mapping->device,
						  .inode = mapping->inode};
		file->fd = open_proven(core, mapping, &file->reason);
	}
	*ret_reason = file->reason;
	return file->fd;
}

int core_open_mapped_file(struct target *target, const struct mapping *mapping)
{
	const char *reason;
	int fd = mapping_is_file(mapping)
			 ? core_mapped_file((struct core_target *)target, mapping, &reason)
			 : -1;
	if (fd < 0)
		return -1;
	/* Not a copy of the descriptor: that would share its offset. */
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void core_close_files(struct core_target *core)
{
	for (size_t i = 0; i < CORE_FILES; i++) {
		closep(&core->files[i].fd);
		core->files[i] = (struct core_mapped_file){.fd = -1};
	}
}
