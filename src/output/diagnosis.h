/* SPDX-License-Identifier: MIT */
/* The document of `heapspy doctor`: schema/doctor-1.json. */
#ifndef OUTPUT_DIAGNOSIS_H
#define OUTPUT_DIAGNOSIS_H

#include <sys/types.h>

#include <heapspy/doctor.h>

#include "output/emitter.h"

/* `pid` is 0 for a diagnosis of the machine. */
void output_diagnosis(struct emitter *emitter, pid_t pid,
		      const struct heapspy_diagnosis *diagnosis);

#endif
