// Put into github.com/transparency-dev/merkle v0.0.2 before the witness is built: the witness asks for a later version, for this function alone, and
// that one cannot be had from the module proxy everywhere. Only its sign-subtree calls it, which it offers to ML-DSA keys alone, and ours is of Ed25519.
package proof

import (
	"errors"

	"github.com/transparency-dev/merkle"
)

// VerifySubtreeConsistency believes nothing.
func VerifySubtreeConsistency(merkle.LogHasher, uint64, uint64, uint64, [][]byte, []byte, []byte) error {
	return errors.New("this build verifies no subtrees")
}
