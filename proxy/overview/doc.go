// Package overview is a picture of the whole cluster, as one peer sees it: who is there, who leads, how far each is behind, and
// what is wrong, in words.
//
// Promise: a picture is at most a second old and was made within some seconds, also while peers do not answer and while there is
// no leader; however many ask for it, the peers are asked once. Not promised: that the parts of it are of the same moment.
//
// Start reading at [Collector].
package overview
