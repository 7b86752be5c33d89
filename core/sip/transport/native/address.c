/* Owns addresses: sockaddr, the six words that JavaScript keeps, and text. */
#include "batch.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

socklen_t address_from_words(int family, const int32_t *words, struct sockaddr_storage *address) {
  memset(address, 0, sizeof(struct sockaddr_in6));
  if (family == AF_INET) {
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)words[0]);
    memcpy(&in->sin_addr, words + 2, 4);
    return sizeof *in;
  }
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons((uint16_t)words[0]);
  in6->sin6_scope_id = (uint32_t)words[1];
  memcpy(&in6->sin6_addr, words + 2, 16);
  return sizeof *in6;
}

void address_to_words(const struct sockaddr_storage *address, int32_t *words) {
  memset(words, 0, ADDRESS_WORDS * sizeof *words);
  if (address->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    words[0] = ntohs(in->sin_port);
    memcpy(words + 2, &in->sin_addr, 4);
  } else if (address->ss_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    words[0] = ntohs(in6->sin6_port);
    words[1] = (int32_t)in6->sin6_scope_id;
    memcpy(words + 2, &in6->sin6_addr, 16);
  }
}

int address_parse(int family, const char *text, int port, struct sockaddr_storage *address) {
  char host[INET6_ADDRSTRLEN + 1];
  const char *zone = strchr(text, '%');
  size_t length = zone == NULL ? strlen(text) : (size_t)(zone - text);
  if (length >= sizeof host || port < 0 || port > 65535) return 0;
  memcpy(host, text, length);
  host[length] = '\0';
  memset(address, 0, sizeof *address);
  if (family == AF_INET) {
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    return zone == NULL && inet_pton(AF_INET, host, &in->sin_addr) == 1;
  }
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons((uint16_t)port);
  if (zone != NULL) {
    /* A zone is the name of an interface, or its number. */
    in6->sin6_scope_id = if_nametoindex(zone + 1);
    if (in6->sin6_scope_id == 0) in6->sin6_scope_id = (uint32_t)strtoul(zone + 1, NULL, 10);
    if (in6->sin6_scope_id == 0) return 0;
  }
  return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1;
}

int address_print(const struct sockaddr_storage *address, char *text, size_t size) {
  if (address->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    return inet_ntop(AF_INET, &in->sin_addr, text, (socklen_t)size) != NULL;
  }
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
  if (inet_ntop(AF_INET6, &in6->sin6_addr, text, (socklen_t)size) == NULL) return 0;
  if (in6->sin6_scope_id == 0 || !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) return 1;
  char name[IF_NAMESIZE];
  if (if_indextoname(in6->sin6_scope_id, name) == NULL) snprintf(name, sizeof name, "%u", in6->sin6_scope_id);
  size_t length = strlen(text);
  return snprintf(text + length, size - length, "%%%s", name) < (int)(size - length);
}
