{
  "targets": [
    {
      "target_name": "rollcall_udp",
      "sources": ["addon.c", "udp.c", "batch.c", "gather.c", "outgoing.c", "address.c"],
      "defines": ["_GNU_SOURCE", "NAPI_VERSION=8"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-Wno-unused-parameter"]
    }
  ]
}
