// Makes the replica set and the program's user. Run by `mongosh --nodb`, again and again without harm.
const host = "mongodb:27017";
const root = `mongodb://root:${process.env.MONGODB_ROOT_PASSWORD}@${host}/admin`;

const direct = connect(`${root}?directConnection=true`);
try {
  direct.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  direct.adminCommand({ replSetInitiate: { _id: "rs0", members: [{ _id: 0, host }] } });
}

// Waits until the set has a primary.
const admin = connect(`${root}?replicaSet=rs0&serverSelectionTimeoutMS=60000`);

// Read and write, and turn the pre- and post-images of `Documents` on: nothing else, and nothing in another database.
const role = {
  privileges: [{ resource: { db: "trialbrief", collection: "Documents" }, actions: ["collMod"] }],
  roles: ["trialbrief", "trialbrief_views", "trialbrief_people", "trialbrief_keys"].map((db) => ({ role: "readWrite", db })),
};
if (admin.getRole("trialbrief")) admin.updateRole("trialbrief", role);
else admin.createRole({ role: "trialbrief", ...role });

const user = { pwd: process.env.MONGODB_PASSWORD, roles: ["trialbrief"] };
if (admin.getUser("trialbrief")) admin.updateUser("trialbrief", user);
else admin.createUser({ user: "trialbrief", ...user });
print("the replica set rs0 and the user trialbrief are there");
