// The scenario with kafkajs, unmodified; ../README.md says what each step does.
// Usage: node scenario.js BOOTSTRAP API_KEY API_SECRET CA_FILE TAG RECORDS
'use strict'

const fs = require('fs')
const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs')

const [bootstrap, key, secret, caFile, tag, recordsText] = process.argv.slice(2)
const records = Number(recordsText)
const deadline = 60_000
const all = [0, 1, 2, 3] // the partitions of the topic orders
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy') // its documented plug-in

const kafka = new Kafka({
  clientId: 'matrix',
  brokers: [bootstrap],
  ssl: { ca: [fs.readFileSync(caFile, 'utf8')] },
  sasl: { mechanism: 'plain', username: key, password: secret },
  logLevel: logLevel.NOTHING,
})
const admin = kafka.admin()
const steps = {}
let produced = 0

/** Runs a step; a failed one does not end the scenario. */
async function run(name, step) {
  try {
    steps[name] = { result: 'ok', detail: (await step()) || '' }
  } catch (e) {
    steps[name] = { result: 'failed', detail: String(e) }
  }
}

function lacks(name, reason) {
  steps[name] = { result: 'n/a', detail: reason }
}

async function until(what, condition) {
  for (const end = Date.now() + deadline; !(await condition()); await new Promise(r => setTimeout(r, 20))) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`)
  }
}

function same(what, got, want) {
  const [a, b] = [got, want].map(list => JSON.stringify([...list].sort()))
  if (a !== b) throw new Error(`${what}: ${a}, want ${b}`)
}

/** Waits until a broker that is asked knows a new topic; kafkajs takes the first no for an answer. */
function known(topic) {
  return until(topic + ' to be known', () => admin.fetchTopicMetadata({ topics: [topic] }).then(() => true, e => {
    if (e.type === 'UNKNOWN_TOPIC_OR_PARTITION') return false
    throw e
  }))
}

async function topics() {
  const partitions = { orders: 4, shipments: 1, ['only-' + tag]: 1, retired: 1 }
  await admin.createTopics({ topics: Object.entries(partitions).map(([topic, numPartitions]) => ({ topic, numPartitions, replicationFactor: -1 })) })
  await known('retired')
  await admin.createPartitions({ topicPartitions: [{ topic: 'retired', count: 3 }] })
  await until('three partitions', async () => (await admin.fetchTopicMetadata({ topics: ['retired'] })).topics[0].partitions.length === 3)
  await admin.deleteTopics({ topics: ['retired'] })
}

async function configs() {
  const orders = { type: ConfigResourceTypes.TOPIC, name: 'orders' }
  await admin.alterConfigs({ validateOnly: false, resources: [{ ...orders, configEntries: [{ name: 'retention.ms', value: '3600000' }] }] })
  await until('retention.ms to be an hour', async () => {
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ ...orders, configNames: ['retention.ms'] }] })
    return resources[0].configEntries[0].configValue === '3600000'
  })
}

async function produce(codec) {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const messages = Array.from({ length: records }, (_, i) => ({ key: String(i), value: `${tag}-${codec}-${i}` }))
  const compression = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }[codec]
  await producer.send({ topic: 'orders', acks: -1, compression, messages })
  await producer.disconnect()
  produced += records
}

/** A member of a group that reads one topic. */
class Member {
  constructor(inbox, groupId, { topic = 'orders', ...more } = {}) {
    Object.assign(this, { inbox, topic, owned: [], consumer: kafka.consumer({ groupId, heartbeatInterval: 1000, rebalanceTimeout: 10_000, ...more }) })
    const { GROUP_JOIN, REBALANCING } = this.consumer.events
    this.consumer.on(GROUP_JOIN, e => { this.owned = e.payload.memberAssignment[topic] || [] })
    this.consumer.on(REBALANCING, () => { this.owned = [] })
  }

  async start() {
    await this.consumer.connect()
    await this.consumer.subscribe({ topics: [this.topic], fromBeginning: true })
    await this.consumer.run({
      eachMessage: async ({ message }) => {
        const value = message.value.toString()
        if (!value.startsWith(tag + '-')) this.inbox.foreign = value
        this.inbox.got.add(value)
      },
    })
    return this
  }

  stop() {
    return this.consumer.disconnect()
  }
}

const inbox = () => ({ got: new Set(), foreign: null })

async function received(inbox, wanted) {
  await until(`${wanted} records`, () => inbox.got.size >= wanted || inbox.foreign)
  if (inbox.foreign) throw new Error(`${tag} got a record of another tenant: ${inbox.foreign}`)
  same('number of records', [inbox.got.size], [wanted])
}

function shared(...members) {
  return until(`${members.length} members to share the partitions`, () =>
    members.every(m => m.owned.length > 0) && JSON.stringify(members.flatMap(m => m.owned).sort()) === JSON.stringify(all))
}

/** It reads in groups only. */
async function read(groupId, wanted, more) {
  const into = inbox()
  const reader = await new Member(into, groupId, more).start()
  try {
    await received(into, wanted)
  } finally {
    await reader.stop()
  }
  return into.got
}

async function consume() {
  await read('reader', produced)
  return 'in a group of its own: it has no other consumer'
}

async function group() {
  const into = inbox()
  const first = await new Member(into, 'billing').start()
  try {
    await shared(first)
    const second = await new Member(into, 'billing').start()
    try {
      await shared(first, second)
    } finally {
      await second.stop()
    }
    await shared(first)
    await received(into, produced)
  } finally {
    await first.stop()
  }
}

async function transactions() {
  const producer = kafka.producer({ transactionalId: 'shipper', maxInFlightRequests: 1, idempotent: true })
  await producer.connect()
  for (const outcome of ['aborted', 'committed']) {
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'shipments', messages: Array.from({ length: 10 }, (_, i) => ({ value: `${tag}-${outcome}-${i}` })) })
    await transaction.sendOffsets({ consumerGroupId: 'shipping', topics: [{ topic: 'orders', partitions: [{ partition: 0, offset: '1' }] }] })
    await (outcome === 'committed' ? transaction.commit() : transaction.abort())
  }
  await producer.disconnect()
  await until('the offset that was committed with the transaction', async () => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: 'shipping', topics: ['orders'] })
    return partitions.find(p => p.partition === 0).offset === '1'
  })
  const got = await read('reader-committed', 10, { topic: 'shipments', readUncommitted: false })
  same('records', got, Array.from({ length: 10 }, (_, i) => `${tag}-committed-${i}`))
  return 'the offset is given, and without a member: the client sends the name of the group only'
}

async function offsets() {
  const byTime = async time => (await admin.fetchTopicOffsetsByTimestamp('orders', time)).map(p => ({ partition: p.partition, offset: p.offset }))
  const ends = await admin.fetchTopicOffsets('orders')
  const resets = [
    [ends.map(p => ({ partition: p.partition, offset: p.high })), 0],
    [ends.map(p => ({ partition: p.partition, offset: p.low })), produced],
    [await byTime(1), produced],
  ]
  for (const [partitions, lag] of resets) {
    await admin.setOffsets({ groupId: 'ledger', topic: 'orders', partitions })
    const [committed] = await admin.fetchOffsets({ groupId: 'ledger', topics: ['orders'] })
    const behind = committed.partitions.map(c => Number(ends.find(p => p.partition === c.partition).high) - Number(c.offset))
    same('lag', [behind.reduce((a, b) => a + b)], [lag])
  }
}

async function deleteRecords() {
  await admin.deleteTopicRecords({ topic: 'orders', partitions: [{ partition: 0, offset: '5' }] })
  const ends = await admin.fetchTopicOffsets('orders')
  same('first offset', [ends.find(p => p.partition === 0).low], ['5'])
}

async function ownNames() {
  same('topics', await admin.listTopics(), ['orders', 'shipments', 'only-' + tag])
  const { groups } = await admin.listGroups()
  same('groups', groups.map(g => g.groupId), ['billing', 'ledger', 'reader', 'reader-committed', 'shipping'])
}

async function main() {
  await admin.connect()
  await run('topics', topics)
  await run('configs', configs)
  for (const codec of ['none', 'gzip', 'snappy']) await run('produce-' + codec, () => produce(codec))
  for (const codec of ['lz4', 'zstd']) lacks('produce-' + codec, 'it brings no codec for it')
  await run('consume', consume)
  await run('classic-group', group)
  lacks('kip848-group', 'it has no KIP-848 consumer')
  lacks('static-member', 'its consumer has no group.instance.id')
  await run('transactions', transactions)
  await run('offsets', offsets)
  await run('delete-records', deleteRecords)
  await run('own-names', ownNames)
  const { clusterId } = await admin.describeCluster()
  await admin.disconnect()
  console.log(JSON.stringify({ client: `kafkajs ${require('kafkajs/package.json').version}`, cluster: clusterId, steps }))
}

main().catch(e => {
  console.error(e)
  process.exit(1)
})
