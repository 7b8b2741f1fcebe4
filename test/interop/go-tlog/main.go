// Command go-tlog audits a log over HTTP with the Go project's own code: golang.org/x/mod's sumdb/note and sumdb/tlog.
//
// It opens the checkpoint, computes the tree from the entry bundles alone, compares the root and every tile with what the log serves (C2SP tlog-tiles),
// and proves entries against the root with nothing but served tiles. Exit code 0 and a line "ok size=… root=… proved=…", or 1 and a sentence.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight     = 8
	tileWidth      = 1 << tileHeight
	maxBundleBytes = tileWidth * (2 + 1<<16)
)

var errNotFound = errors.New("not found")

func main() {
	vkey := flag.String("vkey", "", "verifier key of the log, whose name is the log's origin")
	sample := flag.Int64("sample", 0, "prove this many entries, evenly spread, rather than all of them")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go-tlog -vkey KEY [-sample N] BASE-URL")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *vkey == "" {
		flag.Usage()
		os.Exit(2)
	}

	log := &served{
		base:   strings.TrimSuffix(flag.Arg(0), "/"),
		client: &http.Client{Timeout: 30 * time.Second},
		tiles:  map[tlog.Tile][]byte{},
	}
	summary, err := audit(log, *vkey, *sample)
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-tlog:", err)
		os.Exit(1)
	}
	fmt.Println(summary)
}

func audit(log *served, vkey string, sample int64) (string, error) {
	tree, err := log.checkpoint(vkey)
	if err != nil {
		return "", err
	}
	computed, err := treeOfEntries(log, tree.N)
	if err != nil {
		return "", err
	}
	root, err := tlog.TreeHash(tree.N, computed)
	if err != nil {
		return "", err
	}
	if root != tree.Hash {
		return "", fmt.Errorf("the entries have the root %v; the checkpoint says %v", root, tree.Hash)
	}
	if err := compareTiles(log, tree.N, computed); err != nil {
		return "", err
	}
	proved, err := proveEntries(log, tree, computed, sample)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("ok size=%d root=%v proved=%d", tree.N, tree.Hash, proved), nil
}

// storedHashes holds the hashes of a tree in tlog's storage order.
type storedHashes []tlog.Hash

func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(s)) {
			return nil, fmt.Errorf("no hash %d among %d", index, len(s))
		}
		hashes[i] = s[index]
	}
	return hashes, nil
}

// treeOfEntries computes the tree from what the entry bundles hold.
func treeOfEntries(log *served, size int64) (storedHashes, error) {
	stored := make(storedHashes, 0, tlog.StoredHashCount(size))
	for first := int64(0); first < size; first += tileWidth {
		width := min(tileWidth, size-first)
		entries, err := log.entries(first/tileWidth, int(width))
		if err != nil {
			return nil, err
		}
		for i, entry := range entries {
			hashes, err := tlog.StoredHashes(first+int64(i), entry, stored)
			if err != nil {
				return nil, err
			}
			stored = append(stored, hashes...)
		}
	}
	return stored, nil
}

// compareTiles fetches every tile that a tree of this size has and compares it with the computed one.
func compareTiles(log *served, size int64, computed storedHashes) error {
	for _, tile := range tlog.NewTiles(tileHeight, 0, size) {
		got, err := log.tile(tile)
		if err != nil {
			return err
		}
		want, err := tlog.ReadTileData(tile, computed)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s differs from the entries", pathOf(tile))
		}
	}
	return nil
}

// proveEntries proves entries with the served tiles and checks each proof against the checkpoint.
func proveEntries(log *served, tree tlog.Tree, computed storedHashes, sample int64) (int64, error) {
	count := tree.N
	if sample > 0 {
		count = min(count, sample)
	}
	reader := tlog.TileHashReader(tree, log)
	for i := int64(0); i < count; i++ {
		index := i * tree.N / count
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return i, fmt.Errorf("entry %d: %w", index, err)
		}
		leaf := computed[tlog.StoredHashIndex(0, index)]
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
			return i, fmt.Errorf("entry %d: %w", index, err)
		}
	}
	return count, nil
}

// served is a log behind its URL. It is a tlog.TileReader; tiles are fetched once.
type served struct {
	base   string
	client *http.Client
	tiles  map[tlog.Tile][]byte
}

func (s *served) Height() int { return tileHeight }

func (s *served) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		bytes, err := s.tile(tile)
		if err != nil {
			return nil, err
		}
		data[i] = bytes
	}
	return data, nil
}

func (s *served) SaveTiles([]tlog.Tile, [][]byte) {}

// checkpoint opens the served checkpoint with the log's key and reads its three lines (C2SP tlog-checkpoint).
func (s *served) checkpoint(vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	body, err := s.get("checkpoint")
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(body, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("the checkpoint is not one of %q: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || lines[1] != strconv.FormatInt(size, 10) {
		return tlog.Tree{}, fmt.Errorf("the checkpoint's size is %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("the checkpoint's root is %q", lines[2])
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

func (s *served) tile(tile tlog.Tile) ([]byte, error) {
	if data, ok := s.tiles[tile]; ok {
		return data, nil
	}
	data, err := s.get(pathOf(tile))
	if errors.Is(err, errNotFound) && tile.W < tileWidth {
		// A partial tile may be gone once the full one is there.
		full := tile
		full.W = tileWidth
		data, err = s.get(pathOf(full))
		data = data[:min(len(data), tile.W*tlog.HashSize)]
	}
	if err != nil {
		return nil, err
	}
	if len(data) != tile.W*tlog.HashSize {
		return nil, fmt.Errorf("%s has %d bytes", pathOf(tile), len(data))
	}
	s.tiles[tile] = data
	return data, nil
}

// entries gives the first width entries of bundle n (C2SP tlog-tiles, Log entries).
func (s *served) entries(n int64, width int) ([][]byte, error) {
	bundle := tlog.Tile{H: tileHeight, L: -1, N: n, W: width}
	data, err := s.get(pathOf(bundle))
	exact := true
	if errors.Is(err, errNotFound) && width < tileWidth {
		bundle.W, exact = tileWidth, false
		data, err = s.get(pathOf(bundle))
	}
	if err != nil {
		return nil, err
	}
	entries := make([][]byte, 0, width)
	for len(entries) < width {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s ends within entry %d", pathOf(bundle), len(entries))
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries, data = append(entries, data[2:end]), data[end:]
	}
	if exact && len(data) > 0 {
		return nil, fmt.Errorf("%s has %d bytes behind its entries", pathOf(bundle), len(data))
	}
	return entries, nil
}

func (s *served) get(path string) ([]byte, error) {
	response, err := s.client.Get(s.base + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%s: %w", path, errNotFound)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBundleBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(body) > maxBundleBytes {
		return nil, fmt.Errorf("%s is longer than any bundle", path)
	}
	return body, nil
}

// pathOf gives the path of C2SP tlog-tiles: sumdb's own has the height in it, and "data" for entries.
func pathOf(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}
