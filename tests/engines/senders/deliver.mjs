// Delivers one message of every kind with a published library, as its documentation shows it.
// Arguments: the library (segment or rudderstack), the folder that has it, the collector's address, the write key.
import { createRequire } from 'node:module'

const [library, folder, address, writeKey] = process.argv.slice(2)
const load = createRequire(`${folder}/package.json`)

const user = { userId: 'L0000017' }
const lines = [{ product_id: '1029743', quantity: 2, price: 6.25, category: 'GROCERY' }]
const order = { order_id: 'o-1', currency: 'USD', revenue: 12.5 }
const visitor = '5a2f43d4-2c2c-4b5f-8d3e-1f0f5d1f2a3b'
const messages = [
  ['identify', { ...user, anonymousId: visitor, traits: { firstName: 'Ada', email: 'ada@mail.org' } }],
  ['identify', { anonymousId: visitor, traits: { plan: 'free' } }],
  ['track', { ...user, event: 'Order Completed', properties: { ...order, products: lines } }],
  ['track', { ...user, event: 'Order Completed', properties: { ...order, order_id: 'o-2' } }],
  ['track', { ...user, event: 'Order Completed', properties: { ...order, order_id: 'o-3', products: [] } }],
  ['track', { ...user, event: 'Order Refunded', properties: { order_id: 'o-1', currency: 'USD', total: 12.5 } }],
  ['track', { anonymousId: visitor, event: 'Product Viewed', properties: { product_id: '1029743' } }],
  ['track', { anonymousId: visitor, event: 'Product Added', properties: { product_id: '1029743', quantity: 1 } }],
  ['track', { ...user, event: 'Wishlist Shared', properties: { list: 'w-1', total: 99 } }],
  ['track', { ...user, event: 'Logged Out' }],
  ['page', { ...user, category: 'Docs', name: 'Library', properties: { url: 'https://shop.example.com/docs' } }],
  ['page', { anonymousId: visitor, name: 'Pricing' }],
  ['screen', { ...user, name: 'Basket', category: 'Checkout', properties: { items: 3 } }],
  ['group', { ...user, groupId: 'org-7', traits: { name: 'Analytical Engines', employees: 12 } }],
  ['alias', { previousId: visitor, ...user }],
  ['alias', { previousId: 'L0000018', ...user }],
]

async function segment() {
  const { Analytics } = load('@segment/analytics-node')
  const client = new Analytics({ writeKey, host: address, flushAt: 5, maxRetries: 0 })
  client.on('error', fail)
  for (const [kind, message] of messages) client[kind](message)
  await client.closeAndFlush({ timeout: 20000 })
}

async function rudderstack() {
  const found = load('@rudderstack/rudder-sdk-node')
  const client = new (found.default ?? found)(writeKey, {
    dataPlaneUrl: address,
    flushAt: 5,
    flushInterval: 200,
    retryCount: 0,
    errorHandler: fail,
  })
  const delivered = messages.map(([kind, message]) => new Promise((done) => client[kind](message, done)))
  for (const error of await Promise.all(delivered)) if (error) fail(error)
}

function fail(error) {
  console.error('not delivered:', error?.message ?? error)
  process.exit(1)
}

await { segment, rudderstack }[library]()
console.log(JSON.stringify({ sent: messages.length }))
process.exit(0)
