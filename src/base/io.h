/* SPDX-License-Identifier: MIT */
/* Reading small files whole, such as those of /proc, whose size is not known before. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stddef.h>
#include <sys/types.h>

/* From the current offset to the end: NUL-terminated, the caller frees it.
 * NULL with errno, EFBIG where there is more than `most` bytes. */
char *io_read_rest(int fd, size_t most, size_t *ret_length);

/* A file under a directory (or AT_FDCWD), opened O_CLOEXEC. As above. */
char *io_read_file(int directory, const char *name, size_t most, size_t *ret_length);

/* Target of a symbolic link, raw; the caller frees it. NULL with errno. */
char *io_read_link(int directory, const char *name);

/* pread() until all is there: the bytes had, fewer only at the end of the file
 * or at an error after the first; -1 with errno if there was none at all. */
ssize_t io_pread_all(int fd, void *buffer, size_t length, off_t offset);

#endif
