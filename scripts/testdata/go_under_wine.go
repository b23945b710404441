// This file is laid into Go's own package internal/syscall/windows when tests are built for wine (scripts/wine, go build
// -overlay). Wine 8 answers the newer way to delete a file with STATUS_NOT_IMPLEMENTED, which Go takes for a failure; with
// this Go deletes as it does on old Windows and on FAT.

package windows

func init() { TestDeleteatFallback = true }
