/* SPDX-License-Identifier: MIT */
/* Objects of one type as tables, and as JSON of the schema heapspy.instances/1. */
#ifndef OUTPUT_INSTANCES_H
#define OUTPUT_INSTANCES_H

#include <heapspy/instances.h>

#include "output/emitter.h"

struct instances_view {
	const char *type; /* as it was asked for */
	bool addresses;   /* of the types, in the table for people */
};

void output_instances(struct emitter *emitter, const struct heapspy_target_info *target,
		      const struct heapspy_python_info *python,
		      const struct heapspy_instances *instances, const struct instances_view *view);

#endif
