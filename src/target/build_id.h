/* SPDX-License-Identifier: MIT */
/*
 * The build id of an ELF file, from its first bytes: in a file, or as it lies in
 * memory, where nothing but its first page may be left.
 */
#ifndef TARGET_BUILD_ID_H
#define TARGET_BUILD_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `length` bytes at `offset` of the file; false where they cannot be had. */
typedef bool build_id_reader(void *context, uint64_t offset, void *buffer, size_t length);

struct build_id {
	uint8_t bytes[64];
	size_t length;
};

/* False for what is no ELF file, has no build id, or has it out of reach. */
bool build_id_find(build_id_reader *read, void *context, struct build_id *ret_build_id);

bool build_id_equal(const struct build_id *a, const struct build_id *b);

#endif
