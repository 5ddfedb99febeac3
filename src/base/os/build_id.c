/* SPDX-License-Identifier: Apache-2.0 */
#include "base/os/build_id.h"

#include "base/byte_cursor.h"
#include "base/memory.h"

#include <elf.h>
#include <link.h>
#include <string.h>

typedef struct search {
    uint8_t *id;
    size_t capacity, length;
} search;

static bool contains(const struct dl_phdr_info *object, uintptr_t address)
{
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        uintptr_t begin = object->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && address >= begin && address - begin < header->p_memsz)
            return true;
    }
    return false;
}

static void read_notes(const void *notes, size_t length, search *found)
{
    osprey__byte_cursor cursor = osprey__cursor_over(notes, length);
    const uint8_t *bytes;
    while ((bytes = osprey__cursor_take(&cursor, sizeof(ElfW(Nhdr))))) {
        ElfW(Nhdr) note;
        memcpy(&note, bytes, sizeof note);
        const uint8_t *name = osprey__cursor_take(&cursor, osprey__round_up(note.n_namesz, 4));
        const uint8_t *id = osprey__cursor_take(&cursor, osprey__round_up(note.n_descsz, 4));
        if (!name || !id) return;
        if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || memcmp(name, "GNU", 4) != 0)
            continue;
        found->length = note.n_descsz < found->capacity ? note.n_descsz : found->capacity;
        memcpy(found->id, id, found->length);
        return;
    }
}

static int look_into(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    if (!contains(object, (uintptr_t)&osprey__build_id)) return 0;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        search *found = context;
        if (header->p_type == PT_NOTE && !found->length)
            read_notes((const char *)object->dlpi_addr + header->p_vaddr, header->p_memsz, found);
    }
    return 1;
}

size_t osprey__build_id(uint8_t *id, size_t capacity)
{
    search found = {id, capacity, 0};
    dl_iterate_phdr(look_into, &found);
    return found.length;
}
