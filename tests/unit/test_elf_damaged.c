/* SPDX-License-Identifier: MIT */
/*
 * Damaged files: cut off anywhere, with bytes changed anywhere. All that is asked
 * is an error or an answer; the sanitizers and the alarm are the judges.
 */
#include "fixtures.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "elf/dwarf.h"
#include "elf/dynamic.h"
#include "elf/file.h"
#include "elf/module.h"
#include "target/fake.h"

enum { TRIES = 1500 };

struct image {
	uint8_t *bytes;
	size_t length;
};

/* A file to be damaged, its copy on disk, and numbers that are the same each time. */
struct victim {
	struct image image;
	char path[64];
	int fd;
	uint64_t random;
};

static uint64_t next_random(struct victim *victim)
{
	victim->random ^= victim->random << 13;
	victim->random ^= victim->random >> 7;
	victim->random ^= victim->random << 17;
	return victim->random;
}

static struct image read_image(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	off_t length = lseek(fd, 0, SEEK_END);
	struct image image = {malloc((size_t)length), (size_t)length};
	assert_int_equal(pread(fd, image.bytes, image.length, 0), length);
	close(fd);
	return image;
}

static struct victim victim_new(const char *kind)
{
	struct victim victim = {.image = read_image(fixture(kind)), .random = 88172645463325252};
	strcpy(victim.path, "/tmp/heapspy-damaged-XXXXXX");
	victim.fd = mkstemp(victim.path);
	assert_true(victim.fd >= 0);
	return victim;
}

static void victim_free(struct victim *victim)
{
	free(victim->image.bytes);
	close(victim->fd);
	unlink(victim->path);
}

static void write_victim(struct victim *victim, size_t length)
{
	assert_int_equal(ftruncate(victim->fd, 0), 0);
	assert_int_equal(pwrite(victim->fd, victim->image.bytes, length, 0), length);
}

static bool count_symbol(const char *name, const GElf_Sym *symbol, void *context)
{
	(void)symbol;
	*(size_t *)context += strlen(name);
	return false;
}

static void question_file(const char *path)
{
	struct elf_file *file;
	struct heapspy_error *error = elf_file_open(open(path, O_RDONLY | O_CLOEXEC), path, &file);
	if (error) {
		assert_non_null(error->what);
		heapspy_error_free(error);
		return;
	}
	size_t total = 0, length;
	GElf_Shdr header;
	struct segments segments;
	elf_file_symbols(file, SHT_DYNSYM, count_symbol, &total);
	elf_file_symbols(file, SHT_SYMTAB, count_symbol, &total);
	elf_file_section(file, ".data", &header);
	elf_file_contents(file, ".gnu_debuglink", &length);
	segments_from_file(file, &segments);
	assert_true(strlen(file->build_id) < ELF_BUILD_ID_SIZE);
	elf_file_free(file);
}

static void question_dwarf(const char *path)
{
	static const char *const names[] = {
	    "fixture_outer",	      "FixtureOuter",	"fixture_block",
	    "FixtureOpaque",	      "fixture_holder", "fixture_union",
	    "fixture_alias_of_alias", "fixture_inner",	"nothing",
	};
	static const char *const paths[] = {"head", "high",  "nested.box.deep", "bits.wide",
					    "flag", "three", "held.two",	"opaque"};
	struct dwarf *dwarf;
	struct heapspy_error *error = dwarf_open_file(path, &dwarf);
	if (error) {
		assert_non_null(error->what);
		heapspy_error_free(error);
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int32_t number = 0;
		if (dwarf_size(dwarf, names[i], &number))
			assert_true(number >= 0);
		for (size_t j = 0; j < sizeof(paths) / sizeof(paths[0]); j++) {
			if (dwarf_offset(dwarf, names[i], paths[j], &number))
				assert_true(number >= 0);
		}
	}
	dwarf_free(dwarf);
}

static void question(const struct victim *victim)
{
	question_file(victim->path);
	question_dwarf(victim->path);
}

static const char *const kinds[] = {"dwarf5", "dwarf4", "dwarf2", "types", "compressed", "bare"};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void cut_off(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		struct victim victim = victim_new(kinds[k]);
		for (size_t length = 0; length < 200; length++) {
			write_victim(&victim, length);
			question(&victim);
		}
		for (size_t i = 0; i < TRIES / 10; i++) {
			write_victim(&victim, next_random(&victim) % victim.image.length);
			question(&victim);
		}
		victim_free(&victim);
	}
}

/* Few bytes at a time: what is damaged less is read further. */
static void damage(struct victim *victim, uint8_t *bytes, size_t length)
{
	static const uint8_t favourites[] = {0, 1, 0x7f, 0x80, 0xff};
	for (size_t n = 1 + next_random(victim) % 8; n > 0 && length > 0; n--) {
		uint8_t *byte = bytes + next_random(victim) % length;
		uint64_t choice = next_random(victim);
		*byte = choice % 2 ? favourites[choice / 2 % sizeof(favourites)]
				   : (uint8_t)(choice >> 32);
	}
}

/* The pieces of a file worth damaging: its headers and what is read of it. */
static size_t find_piece(const struct victim *victim, size_t number, size_t *ret_length)
{
	static const char *const sections[] = {".debug_info", ".debug_abbrev",
					       ".debug_str",  ".dynsym",
					       ".dynstr",     ".note.gnu.build-id"};
	enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };
	Elf64_Ehdr header;
	memcpy(&header, victim->image.bytes, sizeof(header));
	size_t start = 0, length = sizeof(header);
	if (number == SECTIONS + 1) {
		start = header.e_phoff;
		length = header.e_phnum * sizeof(Elf64_Phdr);
	} else if (number > SECTIONS + 1) {
		start = header.e_shoff;
		length = header.e_shnum * sizeof(Elf64_Shdr);
	} else if (number < SECTIONS) {
		Elf64_Shdr all[128];
		assert_in_range(header.e_shnum, 1, 128);
		memcpy(all, victim->image.bytes + header.e_shoff, header.e_shnum * sizeof(all[0]));
		const char *names =
		    (const char *)victim->image.bytes + all[header.e_shstrndx].sh_offset;
		length = 0;
		for (size_t i = 0; i < header.e_shnum; i++) {
			if (strcmp(names + all[i].sh_name, sections[number]) == 0) {
				start = all[i].sh_offset;
				length = all[i].sh_size;
			}
		}
	}
	*ret_length = length;
	return start;
}

enum { PIECES = 9 };

static void changed_bytes(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		struct victim victim = victim_new(kinds[k]);
		struct image whole = {malloc(victim.image.length), victim.image.length};
		memcpy(whole.bytes, victim.image.bytes, whole.length);
		for (size_t i = 0; i < TRIES; i++) {
			size_t length, start = find_piece(&victim, i % PIECES, &length);
			damage(&victim, victim.image.bytes + start, length);
			write_victim(&victim, victim.image.length);
			question(&victim);
			memcpy(victim.image.bytes, whole.bytes, whole.length);
		}
		free(whole.bytes);
		victim_free(&victim);
	}
}

/* The same in memory, where the dynamic symbols are looked for by other means. */
static void changed_memory(void **state)
{
	(void)state;
	struct victim victim = victim_new("bare");
	struct image whole = {malloc(victim.image.length), victim.image.length};
	memcpy(whole.bytes, victim.image.bytes, whole.length);
	for (size_t i = 0; i < TRIES; i++) {
		size_t length, start = find_piece(&victim, i % PIECES, &length);
		if (i > 0)
			damage(&victim, victim.image.bytes + start, length);
		if (i % 3 == 1)
			damage(&victim, victim.image.bytes, victim.image.length);
		struct fake_piece piece = {
		    .address = 0x10000,
		    .length = victim.image.length,
		    .bytes = victim.image.bytes,
		    .path = "/a/file",
		    .inode = 3,
		    .flags = MAPPING_READ,
		};
		CLEANUP(target_freep) struct target *target = fake_target_new(&piece, 1);
		struct elf_module *module;
		struct heapspy_error *error =
		    elf_module_open(target, &target_maps(target)->items[0], &module);
		heapspy_error_free(error);
		uint64_t address, size, ranges[8][2];
		if (!error) {
			elf_module_symbol(module, "fixture_outer_object", &address, &size);
			elf_module_symbol(module, "nothing", &address, &size);
			elf_module_writable(module, ranges, 8);
			elf_module_free(module);
		}
		memcpy(victim.image.bytes, whole.bytes, whole.length);
	}
	free(whole.bytes);
	victim_free(&victim);
}

int main(int count, char **arguments)
{
	(void)count;
	fixtures = arguments + 1;
	alarm(100);
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cut_off),
	    cmocka_unit_test(changed_bytes),
	    cmocka_unit_test(changed_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
