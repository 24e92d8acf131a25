/* SPDX-License-Identifier: MIT */
#include "target/process/procmap_query.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

/* struct procmap_query, which headers older than the kernel do not have. */
struct query {
	uint64_t size;
	uint64_t flags;
	uint64_t address;
	uint64_t start, end;
	uint64_t mapping_flags;
	uint64_t page_size;
	uint64_t offset;
	uint64_t inode;
	uint32_t device_major, device_minor;
	uint32_t name_size, build_id_size;
	uint64_t name_address, build_id_address;
};
_Static_assert(sizeof(struct query) == 104, "it is part of the number of the ioctl");

int procmap_query(int maps, uint64_t address, struct mapping *ret_mapping)
{
	struct query query = {.size = sizeof(query), .address = address};
	if (ioctl(maps, PROCMAP_QUERY_REQUEST, &query) < 0)
		return errno;
	*ret_mapping = (struct mapping){
		.start = query.start,
		.end = query.end,
		.offset = query.offset,
		.flags = query.mapping_flags &
			 (MAPPING_READ | MAPPING_WRITE | MAPPING_EXEC | MAPPING_SHARED),
		.device = makedev(query.device_major, query.device_minor),
		.inode = query.inode,
		.path = "",
	};
	return 0;
}
