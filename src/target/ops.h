/* SPDX-License-Identifier: MIT */
/*
 * What stands behind a target: one struct of functions for each kind of source.
 * Only the files of this folder include it; the contracts are in target.h.
 *
 * An implementation embeds `struct target` as its first member.
 */
#ifndef TARGET_OPS_H
#define TARGET_OPS_H

#include "target/target.h"

struct target_ops {
	/* Ends the whole target, maps included; never called with NULL. */
	void (*free)(struct target *target);

	/* As target_read_some(); bytes that cannot be had are zeros. *ret_missing
	 * of them, the first of which for the reason *ret_fault. */
	void (*read_piece)(struct target *target, uint64_t address, void *buffer, size_t length,
			   size_t *ret_missing, enum fault *ret_fault);

	void (*read_many)(struct target *target, struct target_read *reads, size_t count);

	struct heapspy_error *(*refresh)(struct target *target);
	enum fault (*verify)(struct target *target);

	int (*open_mapped_file)(struct target *target, const struct mapping *mapping);

	/* May be NULL: reading never takes long. */
	void (*cancel)(struct target *target);

	/* May be NULL: then they are not known. */
	bool (*registers)(struct target *target, pid_t tid, struct registers *ret_registers);

	/* May be NULL: then all memory counts as data. */
	uint64_t (*next_data)(struct target *target, uint64_t address, uint64_t end);
};

struct target {
	const struct target_ops *ops;
	struct maps maps;
	pid_t pid;          /* of a core: the one it had, if that is known; 0: none */
	int proc_directory; /* -1: not a live process */
	char name[128];     /* target_name(); empty: "process PID" */
	uint64_t bytes_read;
};

/* How many bytes from `address` on lie in the 64-bit address space. */
static inline uint64_t address_room(uint64_t address, uint64_t length)
{
	return address != 0 && length > -address ? -address : length;
}

#endif
