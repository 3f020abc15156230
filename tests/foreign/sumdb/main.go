// Checks a log with the packages of Go's checksum database: golang.org/x/mod/sumdb/note and tlog.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run main.go DIR
//
// In DIR: checkpoint, tile/, verifier-key, and where they are there checkpoint.100 with consistency.100, and
// proofs/*.tlog-proof.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

var folder string

// stored holds the hashes that sumdb keeps of a tree, in its own order.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(s)) {
			return nil, fmt.Errorf("hash %d is not stored", index)
		}
		hashes[i] = s[index]
	}
	return hashes, nil
}

func main() {
	folder = os.Args[1]
	verifier, err := note.NewVerifier(strings.TrimSpace(string(read("verifier-key"))))
	check(err, "verifier-key")
	tree := checkpoint(read("checkpoint"), verifier, "checkpoint")

	entries := entries(tree.N)
	var hashes stored
	for n, entry := range entries {
		more, err := tlog.StoredHashes(int64(n), entry, hashes)
		check(err, "hashing")
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(tree.N, hashes)
	check(err, "root")
	if root != tree.Hash {
		fail("the entries have the root %v, the checkpoint says %v", root, tree.Hash)
	}
	for _, tile := range tlog.NewTiles(tileHeight, 0, tree.N) {
		// It lists a partial tile for every size on the way; only that of this size is here.
		if level := tree.N >> (tileHeight * uint(tile.L)); tile.W < 256 && int64(tile.W) != level%256 {
			continue
		}
		data, err := tlog.ReadTileData(tile, hashes)
		check(err, tile.Path())
		// sumdb's paths begin with the height, the form before C2SP's.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		if !bytes.Equal(data, read(path)) {
			fail("%s is not what the entries make it", path)
		}
	}
	proofs, _ := filepath.Glob(filepath.Join(folder, "proofs/*.tlog-proof"))
	for _, path := range proofs {
		inclusion(path, verifier, entries)
	}
	consistent := 0
	if _, err := os.Stat(filepath.Join(folder, "checkpoint.100")); err == nil {
		old := checkpoint(read("checkpoint.100"), verifier, "checkpoint.100")
		proof := hashLines(strings.Fields(string(read("consistency.100"))))
		check(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash), "consistency")
		consistent = 1
	}
	fmt.Printf("%d entries, %d inclusion proofs, %d consistency proofs\n", len(entries), len(proofs), consistent)
}

func checkpoint(msg []byte, verifier note.Verifier, what string) tlog.Tree {
	opened, err := note.Open(msg, note.VerifierList(verifier))
	check(err, what)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		fail("%s is of the log %s", what, lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err, what)
	root, err := tlog.ParseHash(lines[2])
	check(err, what)
	return tlog.Tree{N: size, Hash: root}
}

func entries(size int64) [][]byte {
	var all [][]byte
	for n := int64(0); n < size; n += 256 {
		tile := tlog.Tile{H: tileHeight, L: -1, N: n / 256, W: int(size - n)}
		if tile.W > 256 {
			tile.W = 256
		}
		path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		rest := read(path)
		for len(rest) > 0 {
			if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
				fail("%s breaks off", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(rest))
			all = append(all, rest[2:end])
			rest = rest[end:]
		}
	}
	if int64(len(all)) != size {
		fail("%d entries, the checkpoint says %d", len(all), size)
	}
	return all
}

func inclusion(path string, verifier note.Verifier, entries [][]byte) {
	text, err := os.ReadFile(path)
	check(err, path)
	parts := strings.SplitN(string(text), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("%s is no proof", path)
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	check(err, path)
	tree := checkpoint([]byte(parts[1]), verifier, path)
	leaf := tlog.RecordHash(entries[index])
	check(tlog.CheckRecord(hashLines(lines[2:]), tree.N, tree.Hash, index, leaf), path)
}

func hashLines(lines []string) []tlog.Hash {
	var hashes []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		check(err, "proof")
		hashes = append(hashes, hash)
	}
	return hashes
}

func read(path string) []byte {
	data, err := os.ReadFile(filepath.Join(folder, path))
	check(err, path)
	return data
}

func check(err error, what string) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func fail(format string, arguments ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}
