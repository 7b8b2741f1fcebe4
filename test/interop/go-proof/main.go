// Command go-proof makes and checks C2SP tlog-proofs with nobody's code but others': Tessera's client reads the log, transparency-dev's formats and merkle
// open checkpoints, cosignatures and proofs.
//
//	go-proof prove -log VKEY -index N BASE-URL > FILE    proves an entry of a tlog-tiles log, with the entry as the extra line
//	go-proof verify -log VKEY [-witness VKEY …] FILE     checks a proof whose extra line is the entry, and that each of these witnesses cosigned
//
// verify prints "ok index=… size=… cosigned=… sha256=…", the last being that of the entry. Exit code 1 and a sentence for whatever does not hold.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/transparency-dev/formats/log"
	cosignature "github.com/transparency-dev/formats/note"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

const entriesOfBundle = 256

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "go-proof:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: go-proof prove|verify …")
	}
	flags := flag.NewFlagSet(args[0], flag.ExitOnError)
	logKey := flags.String("log", "", "verifier key of the log, whose name is the log's origin")
	index := flags.Uint64("index", 0, "of the entry to prove")
	var witnesses []string
	flags.Func("witness", "verifier key of a witness that must have cosigned; may be repeated", func(key string) error {
		witnesses = append(witnesses, key)
		return nil
	})
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	verifier, err := note.NewVerifier(*logKey)
	if err != nil {
		return fmt.Errorf("the key of the log: %w", err)
	}
	if flags.NArg() != 1 {
		return errors.New("one URL or file is expected")
	}
	switch args[0] {
	case "prove":
		return prove(flags.Arg(0), verifier, *index)
	case "verify":
		return verify(flags.Arg(0), verifier, witnesses)
	default:
		return fmt.Errorf("%q is neither prove nor verify", args[0])
	}
}

func prove(base string, verifier note.Verifier, index uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	root, err := url.Parse(base)
	if err != nil {
		return err
	}
	fetcher, err := client.NewHTTPFetcher(root, http.DefaultClient)
	if err != nil {
		return err
	}
	checkpoint, raw, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, verifier, verifier.Name())
	if err != nil {
		return err
	}
	bundle, err := client.GetEntryBundle(ctx, fetcher.ReadEntryBundle, index/entriesOfBundle, checkpoint.Size)
	if err != nil {
		return err
	}
	at := index % entriesOfBundle
	if at >= uint64(len(bundle.Entries)) {
		return fmt.Errorf("the log has no entry %d", index)
	}
	builder, err := client.NewProofBuilder(ctx, checkpoint.Size, fetcher.ReadTile)
	if err != nil {
		return err
	}
	hashes, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return err
	}
	made := tlogproof.TLogProof{Index: index, Checkpoint: raw, ExtraData: bundle.Entries[at]}
	for _, hash := range hashes {
		made.Hashes = append(made.Hashes, [sha256.Size]byte(hash))
	}
	_, err = os.Stdout.Write(made.Marshal())
	return err
}

func verify(path string, verifier note.Verifier, witnesses []string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var given tlogproof.TLogProof
	if err := given.Unmarshal(data); err != nil {
		return err
	}
	var cosigners []note.Verifier
	for _, key := range witnesses {
		cosigner, err := cosignature.NewVerifierForCosignatureV1(key)
		if err != nil {
			return fmt.Errorf("the key of a witness: %w", err)
		}
		cosigners = append(cosigners, cosigner)
	}
	checkpoint, _, opened, err := log.ParseCheckpoint(given.Checkpoint, verifier.Name(), verifier, cosigners...)
	if err != nil {
		return err
	}
	cosigned := len(opened.Sigs) - 1
	if cosigned != len(cosigners) {
		return fmt.Errorf("%d of %d witnesses cosigned", cosigned, len(cosigners))
	}
	hashes := make([][]byte, len(given.Hashes))
	for i := range given.Hashes {
		hashes[i] = given.Hashes[i][:]
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(given.ExtraData)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, given.Index, checkpoint.Size, leaf, hashes, checkpoint.Hash); err != nil {
		return err
	}
	fmt.Printf("ok index=%d size=%d cosigned=%d sha256=%x\n", given.Index, checkpoint.Size, cosigned, sha256.Sum256(given.ExtraData))
	return nil
}
