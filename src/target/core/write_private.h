/* SPDX-License-Identifier: MIT */
/* What the parts of core_write() share. */
#ifndef TARGET_CORE_WRITE_PRIVATE_H
#define TARGET_CORE_WRITE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "target/core/core.h"

/* core_choice.c: how much of each mapping is written: bytes from its start, by the
 * number of the mapping. NULL without memory. */
uint64_t *core_choose(struct target *source);

/* core_process.c: what the notes say of the process. False without memory; what
 * cannot be learnt is zeros. */
bool core_process_learn(struct target *source, struct core_process *ret_process);

/* core_write_notes.c: the notes, as they are in the file; NULL without memory. */
uint8_t *core_format_notes(const struct core_process *process, const struct maps *maps,
			   const char *about, size_t *ret_length);

#endif
