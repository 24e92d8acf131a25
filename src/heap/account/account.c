/* SPDX-License-Identifier: MIT */
#include "heap/account/account.h"

#include "base/error.h"
#include "heap/account/split.h"
#include "target/process/cgroup.h"
#include "target/process/proc.h"
#include "target/target.h"

/* UINT64_MAX means "not told" on both sides. */
_Static_assert(HEAPSPY_UNKNOWN == UINT64_MAX, "unknown numbers are passed on as they are");

const char *heapspy_memory_kind_name(enum heapspy_memory_kind kind)
{
	static const char *const names[] = {
#define X(name, json_name) [HEAPSPY_MEMORY_##name] = json_name,
		HEAPSPY_MEMORY_KINDS(X)
#undef X
	};
	return names[kind];
}

static void read_status(int proc, struct heapspy_memory *memory)
{
	struct proc_status status;
	if (!proc_read_status(proc, "status", &status))
		return;
	memory->rss = status.vm_rss;
	memory->swap = status.vm_swap;
	memory->rss_peak = status.vm_hwm;
	memory->virt = status.vm_size;
}

static void read_limit(int proc, struct heapspy_memory *memory)
{
	struct cgroup_memory group;
	if (!cgroup_read_memory(proc, &group))
		return;
	memory->limit = group.limit;
	memory->headroom = group.used < group.limit ? group.limit - group.used : 0;
}

/* Counted page by page, where VmRSS is a sum of counters that lag behind. */
static void read_rollup(int proc, struct heapspy_memory *memory)
{
	struct proc_rollup rollup;
	if (!proc_read_rollup(proc, &rollup))
		return;
	memory->rss = rollup.rss;
	memory->pss = rollup.pss;
	memory->uss = rollup.private_clean + rollup.private_dirty;
	memory->swap = rollup.swap;
}

struct heapspy_error *account_read(struct target *target, const struct census *census,
				   struct heapspy_memory *ret_memory,
				   struct heapspy_mappings *ret_mappings)
{
	struct heapspy_memory memory = {
		.rss = HEAPSPY_UNKNOWN,
		.pss = HEAPSPY_UNKNOWN,
		.uss = HEAPSPY_UNKNOWN,
		.swap = HEAPSPY_UNKNOWN,
		.rss_peak = HEAPSPY_UNKNOWN,
		.virt = HEAPSPY_UNKNOWN,
		.limit = HEAPSPY_UNKNOWN,
		.headroom = HEAPSPY_UNKNOWN,
	};
	int proc = target_proc_directory(target);
	if (proc >= 0) {
		read_status(proc, &memory);
		read_limit(proc, &memory);
		if (!census || !account_split(target, census, &memory, ret_mappings))
			read_rollup(proc, &memory);
		if (memory.rss_peak < memory.rss)
			memory.rss_peak = memory.rss;
	}
	if (proc >= 0 && target_verify(target) != FAULT_NONE)
		return error_from_fault(FAULT_GONE, 0, "cannot read the memory account of process %d",
					(int)target_pid(target));
	*ret_memory = memory;
	return NULL;
}
