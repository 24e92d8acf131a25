/* SPDX-License-Identifier: MIT */
/*
 * A real Python process, cut down to what heapspy reads of it and kept in a file, as
 * a target whose bytes can be spoiled. corpus/make makes the files.
 */
#ifndef TESTS_FUZZ_IMAGE_H
#define TESTS_FUZZ_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "target/target.h"

struct image;

/* Ends the program where it cannot be read: without it there is nothing to test. */
struct image *image_open(const char *path);

/* A target over it; the image must outlive it. */
struct target *image_target(struct image *image);

/*
 * Spoil it as the input says, at most sixteen times. One patch is a place, of those
 * that are really read, and what to do there: other bytes, an extreme number, a pointer to another
 * such place, or a page that cannot be had.
 */
void image_spoil(struct image *image, const uint8_t *input, size_t length);

/* As it was. */
void image_restore(struct image *image);

/* ---- making one ------------------------------------------------------------- */

struct image_run {
	uint64_t start, length;
	uint8_t *bytes;
};

struct image_content {
	const char *maps; /* as /proc/PID/maps */
	size_t maps_length;
	struct image_run *runs; /* by address */
	size_t run_count;
	uint64_t *places; /* addresses that are read */
	size_t place_count;
};

void image_write(const char *path, const struct image_content *content);

#endif
