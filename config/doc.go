// Package config holds every setting of a peer in one struct, [Config].
//
// A value comes from four ranks; a later one wins: the built-in default, the file underlay.yaml, the environment
// (UNDERLAY_...), the command line. Names follow from one another: the setting cluster.ack_timeout is the key
// ack_timeout under cluster in the file, UNDERLAY_CLUSTER_ACK_TIMEOUT in the environment and --cluster-ack-timeout on the
// command line. [Settings] lists them all.
//
// Checking is strict (unknown and repeated keys are refused) and complete: [Load] reports every fault at once, one per
// line, each with the name of the setting and the place its value came from. Secrets print redacted, and no error
// message contains one.
//
// The block ipfs takes kubo's own settings by kubo's own names; [MergeIPFS] lays them over a kubo configuration.
//
// The package reads the settings file and the host's name, and nothing else: it neither creates nor looks into the data
// directory. Start reading at [Config] and [Load].
package config
