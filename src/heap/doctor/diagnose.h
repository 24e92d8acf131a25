/* SPDX-License-Identifier: MIT */
/* The parts of heapspy_diagnose(): <heapspy/doctor.h>. Each adds its checks. */
#ifndef HEAP_DIAGNOSE_H
#define HEAP_DIAGNOSE_H

#include <stdbool.h>

#include <heapspy/doctor.h>

struct target;

/* Add a check. What there is no memory for is an error in diagnosis->error. */
void diagnosis_add(struct heapspy_diagnosis *diagnosis, const char *name, bool passed,
		   const char *detail, ...) HEAPSPY_PRINTF(4, 5);

/* What the kernel offers, and what we are allowed to. `target_readable`: a target
 * was opened in spite of everything, so that nothing here is the cause. */
void diagnose_machine(struct heapspy_diagnosis *diagnosis, bool target_readable);

/* From the interpreter to the proven runtime. */
void diagnose_python(struct heapspy_diagnosis *diagnosis, struct target *target, bool with_offsets);

#endif
