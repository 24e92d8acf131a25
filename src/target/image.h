/* SPDX-License-Identifier: MIT */
/*
 * A target held in our own memory: a live process as it was at one instant.
 *
 * What was copied is read from the copy; anonymous memory that was never touched is
 * zeros; clean pages of files are read from the files, as those of the live process
 * are; everything else is FAULT_ABSENT.
 */
#ifndef TARGET_IMAGE_H
#define TARGET_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/maps.h"
#include "target/registers.h"
#include "target/target.h"

/* A run of pages: copied, or known not to be. Between runs nothing was touched. */
struct image_run {
	uint64_t start, end;
	uint64_t offset; /* of its bytes in the copy */
	bool copied;
};

struct image_content {
	struct maps maps;       /* of that instant */
	struct image_run *runs; /* malloc'ed; by address, no overlap */
	size_t run_count;
	struct thread_registers *threads; /* malloc'ed: those whose registers are known */
	size_t thread_count;
	const uint8_t *bytes;
	void *memory; /* that `bytes` lies in: ended with munmap() */
	size_t memory_length;
};

/* Takes the content, also where it fails: NULL for want of memory. `live` is the
 * process it was taken from, and must outlive it. */
struct target *image_new(struct target *live, struct image_content *content);

void image_content_fini(struct image_content *content);

#endif
