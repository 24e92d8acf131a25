/* SPDX-License-Identifier: MIT */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
	FIRST_BUFFER = 4096,
	LONGEST_LINK = 1 << 16, /* the kernel itself stops at PATH_MAX */
};

char *io_read_rest(int fd, size_t most, size_t *ret_length)
{
	CLEANUP(freep) char *text = NULL;
	size_t length = 0, size = 0;
	for (;;) {
		if (size - length < 2) {
			if (length > most) {
				errno = EFBIG;
				return NULL;
			}
			size_t larger = size ? size * 2 : FIRST_BUFFER;
			char *grown = realloc(text, larger);
			if (!grown)
				return NULL;
			text = grown;
			size = larger;
		}
		ssize_t got = read(fd, text + length, size - length - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return NULL;
		if (got == 0)
			break;
		length += got;
	}
	if (length > most) {
		errno = EFBIG;
		return NULL;
	}
	text[length] = '\0';
	if (ret_length)
		*ret_length = length;
	return take_pointer(text);
}

char *io_read_file(int directory, const char *name, size_t most, size_t *ret_length)
{
	CLEANUP(closep) int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? NULL : io_read_rest(fd, most, ret_length);
}

char *io_read_link(int directory, const char *name)
{
	for (size_t size = 256; size <= LONGEST_LINK; size *= 2) {
		CLEANUP(freep) char *path = malloc(size);
		if (!path)
			return NULL;
		ssize_t length = readlinkat(directory, name, path, size);
		if (length < 0)
			return NULL;
		if ((size_t)length < size) {
			path[length] = '\0';
			return take_pointer(path);
		}
	}
	errno = ENAMETOOLONG;
	return NULL;
}

ssize_t io_pread_all(int fd, void *buffer, size_t length, off_t offset)
{
	size_t done = 0;
	while (done < length) {
		ssize_t got = pread(fd, (char *)buffer + done, length - done, offset + (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && done == 0)
			return -1;
		if (got <= 0)
			break;
		done += got;
	}
	return done;
}
