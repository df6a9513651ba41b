// Add, find and unpin a file with @nftstorage/ipfs-cluster, a client of the cluster's REST API. Usage: node ipfs-cluster.mjs URL,
// for example http://127.0.0.1:9095
import { Cluster } from '@nftstorage/ipfs-cluster'

const cluster = new Cluster(process.argv[2])

const content = 'hello from ipfs-cluster\n'
const { cid } = await cluster.add(new Blob([content]), { name: 'greeting' })
await cluster.pin(cid, { name: 'greeting', metadata: { lang: 'en' } })
const allocation = await cluster.allocation(cid)
console.log(allocation.cid, allocation.mode)
process.stdout.write(content)
const { peerMap } = await cluster.status(cid)
for (const [peer, { status }] of Object.entries(peerMap)) {
  console.error(peer, status)
}
await cluster.recover(cid)
await cluster.unpin(cid)
console.log('unpinned', cid)
console.error((await cluster.info()).peerName, await cluster.metricNames())
