/* SPDX-License-Identifier: MIT */
#include "target/target.h"

#include <stdio.h>

#include "target/ops.h"

void target_free(struct target *target)
{
	if (target)
		target->ops->free(target);
}

enum fault target_read(struct target *target, uint64_t address, void *buffer, size_t length)
{
	size_t missing;
	enum fault fault;
	target->ops->read_piece(target, address, buffer, length, &missing, &fault);
	return missing ? fault : FAULT_NONE;
}

enum fault target_read_some(struct target *target, uint64_t address, void *buffer, size_t length,
			    size_t *ret_covered)
{
	size_t missing;
	enum fault fault;
	target->ops->read_piece(target, address, buffer, length, &missing, &fault);
	if (missing && fault == FAULT_GONE)
		return FAULT_GONE;
	*ret_covered = length - missing;
	return FAULT_NONE;
}

void target_read_many(struct target *target, struct target_read *reads, size_t count)
{
	target->ops->read_many(target, reads, count);
}

uint64_t target_next_data(struct target *target, uint64_t address, uint64_t end)
{
	return target->ops->next_data ? target->ops->next_data(target, address, end) : address;
}

bool target_registers(struct target *target, pid_t tid, struct registers *ret_registers)
{
	return target->ops->registers && target->ops->registers(target, tid, ret_registers);
}

const struct maps *target_maps(const struct target *target)
{
	return &target->maps;
}

struct heapspy_error *target_refresh(struct target *target)
{
	return target->ops->refresh(target);
}

void target_cancel(struct target *target)
{
	if (target->ops->cancel)
		target->ops->cancel(target);
}

enum fault target_verify(struct target *target)
{
	return target->ops->verify(target);
}

pid_t target_pid(const struct target *target)
{
	return target->pid;
}

const char *target_name(struct target *target)
{
	if (!target->name[0])
		snprintf(target->name, sizeof(target->name), "process %d", (int)target->pid);
	return target->name;
}

int target_open_mapped_file(struct target *target, const struct mapping *mapping)
{
	return target->ops->open_mapped_file(target, mapping);
}

int target_proc_directory(const struct target *target)
{
	return target->proc_directory;
}

uint64_t target_bytes_read(const struct target *target)
{
	return target->bytes_read;
}
